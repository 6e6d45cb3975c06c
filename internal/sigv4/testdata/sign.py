"""Signs the requests on standard input with botocore, one JSON list in, one out."""

import json
import sys

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

signed = []
for case in json.load(sys.stdin):
    credentials = Credentials("AKIDEXAMPLE", case["secret"], case["token"] or None)
    request = AWSRequest(case["method"], case["url"], headers=case["headers"], data=case["body"].encode())
    signer = SigV4QueryAuth if case["presign"] else SigV4Auth
    signer(credentials, "service", "us-east-1").add_auth(request)
    signed.append({"url": request.url, "headers": list(request.headers.items())})
json.dump(signed, sys.stdout)
