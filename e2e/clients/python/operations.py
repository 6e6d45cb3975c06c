"""All 17 operations of IVS Chat with boto3. Arguments: the endpoint."""

import sys

import boto3
from botocore.exceptions import ClientError

chat = boto3.client("ivschat", endpoint_url=sys.argv[1])
done = set()


def call(operation, **members):
    done.add(operation)
    answer = getattr(chat, operation)(**members)
    assert 200 <= answer["ResponseMetadata"]["HTTPStatusCode"] < 300, answer
    assert answer["ResponseMetadata"]["RequestId"], answer
    return answer


def refused(name, status, operation, **members):
    try:
        getattr(chat, operation)(**members)
    except ClientError as e:
        assert e.response["Error"]["Code"] == name, e.response
        assert e.response["ResponseMetadata"]["HTTPStatusCode"] == status, e.response
        assert e.response["Error"]["Message"], e.response
        return
    raise AssertionError(f"{operation} was not refused")


logging = call(
    "create_logging_configuration",
    name="logs",
    destinationConfiguration={"s3": {"bucketName": "chat-logs"}},
    tags={"team": "chat"},
)
assert logging["state"] == "ACTIVE", logging
assert logging["createTime"].tzinfo, logging
logging = logging["arn"]
assert call("get_logging_configuration", identifier=logging)["name"] == "logs"
assert call("update_logging_configuration", identifier=logging, name="logs2")["name"] == "logs2"
assert logging in [c["arn"] for c in call("list_logging_configurations", maxResults=50)["loggingConfigurations"]]

room = call(
    "create_room",
    name="boto3",
    maximumMessageLength=100,
    maximumMessageRatePerSecond=100,
    loggingConfigurationIdentifiers=[logging],
    tags={"team": "chat"},
)["arn"]
found = call("get_room", identifier=room)
assert found["maximumMessageLength"] == 100 and found["tags"] == {"team": "chat"}, found
assert call("update_room", identifier=room, name="boto3-2")["name"] == "boto3-2"
assert [r["arn"] for r in call("list_rooms", name="boto3-2")["rooms"]] == [room]

token = call(
    "create_chat_token",
    roomIdentifier=room,
    userId="u",
    capabilities=["SEND_MESSAGE"],
    sessionDurationInMinutes=5,
    attributes={"name": "Ann"},
)
assert token["token"] and token["sessionExpirationTime"].tzinfo, token
event = call("send_event", roomIdentifier=room, eventName="app:hello", attributes={"a": "b"})["id"]
assert call("delete_message", roomIdentifier=room, id=event, reason="spam")["id"]
call("disconnect_user", roomIdentifier=room, userId="u", reason="spam")

call("tag_resource", resourceArn=room, tags={"a b": "c/d", "x": "y"})
call("untag_resource", resourceArn=room, tagKeys=["x", "unknown key"])
assert call("list_tags_for_resource", resourceArn=room)["tags"] == {"team": "chat", "a b": "c/d"}

refused("ValidationException", 400, "create_room", maximumMessageLength=501)
refused("ConflictException", 409, "delete_logging_configuration", identifier=logging)
call("delete_room", identifier=room)
refused("ResourceNotFoundException", 404, "get_room", identifier=room)
call("delete_logging_configuration", identifier=logging)
assert len(done) == 17, done
print("17 operations")
