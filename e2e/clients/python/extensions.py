"""Every operation that Confab adds, with boto3 and Confab's service model.

Arguments: the endpoint, and the folder that has confab/<version>/service-2.json.
"""

import datetime
import sys

import boto3
import botocore.session
from botocore.exceptions import ClientError

endpoint, models = sys.argv[1:]
session = botocore.session.get_session()
session.set_config_variable("data_path", models)
confab = boto3.session.Session(botocore_session=session).client("confab", endpoint_url=endpoint)
chat = boto3.client("ivschat", endpoint_url=endpoint)
done = set()


def call(operation, **members):
    done.add(operation)
    answer = getattr(confab, operation)(**members)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200, answer
    return answer


server = call("get_server")
assert server["nodes"][0]["ready"] and "confab:ListMessages" in server["allowedActions"], server

metrics = call("get_metrics", names=["confab_concurrent_chat_connections"], periodInSeconds=10)
assert isinstance(metrics["series"], list), metrics

room = chat.create_room(tags={"confab:history": "1h"})["arn"]
present = call("get_room_presence", roomIdentifier=room)
assert present["roomArn"] == room and present["users"] == 0 and "peakUsers" not in present, present
assert call("list_room_users", roomIdentifier=room, maxResults=1)["users"] == []
assert call("list_room_presence", maxResults=1)["rooms"] == []
sent = call("send_message", roomIdentifier=room, userId="bot", content="hello", attributes={"a": "1"}, skipReview=True)
assert isinstance(sent["sendTime"], datetime.datetime), sent
listed = call("list_messages", roomIdentifier=room, startTime=sent["sendTime"] - datetime.timedelta(seconds=1))
assert [m["content"] for m in listed["messages"]] == ["hello"], listed
assert listed["messages"][0]["id"] == sent["id"] and listed["messages"][0]["sender"]["userId"] == "bot", listed
for n in range(3):
    call("send_message", roomIdentifier=room, userId="bot", content=str(n))
page = call("list_messages", roomIdentifier=room, maxResults=2, order="OLDEST_FIRST")
rest = call("list_messages", roomIdentifier=room, maxResults=200, order="OLDEST_FIRST", nextToken=page["nextToken"])
assert [m["content"] for m in page["messages"] + rest["messages"]] == ["hello", "0", "1", "2"], (page, rest)

for name, members in {
    "ValidationException": {"roomIdentifier": room, "userId": "bot", "content": " "},
    "ResourceNotFoundException": {"roomIdentifier": room[:-12] + "AAAAAAAAAAAA", "userId": "bot", "content": "x"},
}.items():
    try:
        confab.send_message(**members)
    except ClientError as e:
        assert e.response["Error"]["Code"] == name, e.response
        assert isinstance(e, getattr(confab.exceptions, name)), type(e)
    else:
        raise AssertionError(f"{name} was not raised")

traces = call("list_message_traces", roomIdentifier=room, result="DELIVERED", maxResults=1)
assert len(traces["traces"]) == 1 and traces["nextToken"], traces
assert traces["traces"][0]["userId"] == "bot" and isinstance(traces["traces"][0]["milliseconds"]["total"], float), traces

call("send_message", roomIdentifier=room, userId="rude", content="x")
cleaned = call("delete_user_messages", roomIdentifier=room, userId="rude", since=sent["sendTime"], reason="rude")
assert cleaned["deleted"] == 1, cleaned

erased = call("erase_user", userId="bot", roomIdentifier=room)
while erased["status"] == "RUNNING":
    erased = call("erase_user", userId="bot", roomIdentifier=room)
assert erased["messages"] == 4 and erased["logObjects"] == [], erased
assert call("list_message_traces", roomIdentifier=room, userId="bot")["traces"] == []

ban = call("create_ban", roomIdentifier=room, userId="troll", type="BAN", durationInSeconds=600, reason="spam")
assert ban["roomArn"] == room and isinstance(ban["expirationTime"], datetime.datetime), ban
assert call("get_ban", id=ban["id"])["userId"] == "troll"
assert call("update_ban", id=ban["id"], reason="more spam")["reason"] == "more spam"
assert [b["id"] for b in call("list_bans", roomIdentifier=room, maxResults=1)["bans"]] == [ban["id"]]
call("delete_ban", id=ban["id"])
assert call("list_bans", roomIdentifier=room)["bans"] == []

hook = call("create_webhook", name="app", url="https://example.com/hook", events=["message.sent"], roomIdentifiers=[room])
assert hook["secret"].startswith("whsec_") and hook["roomArns"] == [room] and hook["state"] == "ACTIVE", hook
hook = call("update_webhook", id=hook["id"], roomTag={"key": "kind", "value": "live"}, state="PAUSED")
assert hook["roomTag"]["value"] == "live" and "roomArns" not in hook and "secret" not in hook, hook
assert call("get_webhook", id=hook["id"])["state"] == "PAUSED"
assert [h["id"] for h in call("list_webhooks", maxResults=1)["webhooks"]] == [hook["id"]]
assert call("rotate_webhook_secret", id=hook["id"])["secret"].startswith("whsec_")
call("update_webhook", id=hook["id"], url="https://127.0.0.1.invalid/")
assert call("test_webhook", id=hook["id"])["error"]
call("delete_webhook", id=hook["id"])

put = call("put_content_filter", roomIdentifier=room, name="insults", terms=["idiot"], expressions=["[0-9]{16}"], action="DENY", message="Be kind")
assert put["roomArn"] == room and put["terms"] == ["idiot"] and isinstance(put["updateTime"], datetime.datetime), put
call("put_content_filter", name="boto", terms=["x" * 100] * 10_000, action="FLAG")
assert call("get_content_filter", roomIdentifier=room, name="insults")["expressions"] == ["[0-9]{16}"]
tried = call("test_content_filter", roomIdentifier=room, content="you i.d.i.o.t")
assert tried["action"] == "DENY" and tried["message"] == "Be kind", tried
assert tried["matches"] == [{"filter": "insults", "rule": "idiot", "start": 4, "end": 13}], tried
assert [f["termCount"] for f in call("list_content_filters", roomIdentifier=room)["filters"]] == [1]
call("delete_content_filter", roomIdentifier=room, name="insults")
call("delete_content_filter", name="boto")

logged = call("list_moderation_events", roomIdentifier=room, userId="troll", startTime=sent["sendTime"], maxResults=1)
assert logged["events"][0]["action"] == "DELETE_BAN" and logged["events"][0]["details"]["id"] == ban["id"], logged
assert isinstance(logged["events"][0]["time"], datetime.datetime) and "principalArn" in logged["events"][0]["by"], logged
rest = call("list_moderation_events", roomIdentifier=room, userId="troll", startTime=sent["sendTime"], maxResults=1, nextToken=logged["nextToken"])
assert rest["events"][0]["action"] == "UPDATE_BAN" and rest["events"][0]["reason"] == "more spam", rest

modes = call("update_room_modes", roomIdentifier=room, slowMode="10s", durationInSeconds=60)["modes"]
assert [m["name"] for m in modes] == ["slow-mode", "send", "links", "repeat"], modes
assert modes[0]["value"] == "10s" and modes[0]["source"] == "MODERATOR", modes
assert isinstance(modes[0]["expirationTime"], datetime.datetime), modes
assert call("get_room_modes", roomIdentifier=room)["modes"] == modes

policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
made = call("create_credentials", name="boto", policy=policy, durationInSeconds=900)
assert made["sessionToken"] and isinstance(made["expirationTime"], datetime.datetime), made
assert "boto" in [c["name"] for c in call("list_credentials")["credentials"]]
call("delete_credentials", name="boto")

names = {confab.meta.method_to_api_mapping[name] for name in done}
missing = set(confab.meta.service_model.operation_names) - names
assert not missing, f"no call of {missing}"
print(len(done), "operations")
