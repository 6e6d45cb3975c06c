package conformance

import (
	"testing"
)

func TestLoggingConfigurationMembers(t *testing.T) {
	t.Parallel()
	existing := newLogging(t, nil)
	s3 := m{"s3": m{"bucketName": "chat-logs"}}
	destinations := []trial{
		ok("S3", s3),
		ok("CloudWatch Logs", m{"cloudWatchLogs": m{"logGroupName": "/chat/Logs_#1.x-y"}}),
		ok("Firehose", m{"firehose": m{"deliveryStreamName": "Chat_logs.x-1"}}),
		ok("S3 beside a null", m{"s3": m{"bucketName": "chat-logs"}, "firehose": nil}),
		ok("a bucket of 3 characters", m{"s3": m{"bucketName": "abc"}}),
		ok("a bucket of 63 characters", m{"s3": m{"bucketName": letters(63)}}),
		ok("a bucket with dots and hyphens", m{"s3": m{"bucketName": "a.b-c9"}}),
		ok("a log group of 1 character", m{"cloudWatchLogs": m{"logGroupName": "a"}}),
		ok("a log group of 512 characters", m{"cloudWatchLogs": m{"logGroupName": letters(512)}}),
		ok("a stream of 1 character", m{"firehose": m{"deliveryStreamName": "a"}}),
		ok("a stream of 64 characters", m{"firehose": m{"deliveryStreamName": letters(64)}}),
		wrong("an empty object", m{}), // A union has one member: restJson1 says so, before any constraint.
		wrong("two destinations", m{"s3": m{"bucketName": "chat-logs"}, "firehose": m{"deliveryStreamName": "a"}}),
		no("S3 without a bucket", m{"s3": m{}}, "bucketName"),
		no("a bucket of 2 characters", m{"s3": m{"bucketName": "ab"}}, "bucketName"),
		no("a bucket of 64 characters", m{"s3": m{"bucketName": letters(64)}}, "bucketName"),
		no("a bucket with capitals", m{"s3": m{"bucketName": "Chat-logs"}}, "bucketName"),
		no("a bucket with an underscore", m{"s3": m{"bucketName": "chat_logs"}}, "bucketName"),
		no("CloudWatch Logs without a group", m{"cloudWatchLogs": m{}}, "logGroupName"),
		no("an empty log group", m{"cloudWatchLogs": m{"logGroupName": ""}}, "logGroupName"),
		no("a log group of 513 characters", m{"cloudWatchLogs": m{"logGroupName": letters(513)}}, "logGroupName"),
		no("a log group with a space", m{"cloudWatchLogs": m{"logGroupName": "a b"}}, "logGroupName"),
		no("Firehose without a stream", m{"firehose": m{}}, "deliveryStreamName"),
		no("an empty stream", m{"firehose": m{"deliveryStreamName": ""}}, "deliveryStreamName"),
		no("a stream of 65 characters", m{"firehose": m{"deliveryStreamName": letters(65)}}, "deliveryStreamName"),
		no("a stream with a slash", m{"firehose": m{"deliveryStreamName": "a/b"}}, "deliveryStreamName"),
		wrong("a string", "s3"),
		wrong("a bucket that is a number", m{"s3": m{"bucketName": 123}}),
	}
	group(t, "CreateLoggingConfiguration", func(t *testing.T) {
		create := operation{name: "CreateLoggingConfiguration", base: m{"destinationConfiguration": s3}}
		create.member(t, "name", nameTrials...)
		create.member(t, "tags", append([]trial{ok("none", m{}), ok("null", nil), ok("a missing one", missing{})}, tagTrials...)...)
		create.member(t, "destinationConfiguration", append([]trial{no("a missing one", missing{}), no("null", nil)}, destinations...)...)
	})
	group(t, "UpdateLoggingConfiguration", func(t *testing.T) {
		update := operation{name: "UpdateLoggingConfiguration", base: m{"identifier": existing.arn}}
		update.member(t, "name", nameTrials...)
		update.member(t, "destinationConfiguration", append([]trial{ok("a missing one", missing{}), ok("null", nil)}, destinations...)...)
	})
}
