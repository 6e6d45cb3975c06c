package control_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/control"
)

// Every limit, pattern and required member of the API model, at its edge and
// one step beyond. In inputs, ROOM and LOGS stand for ARNs that exist.
func TestValidation(t *testing.T) {
	s := newService(t, nil)
	room, logs := s.room(t, control.CreateRoomInput{}), s.logging(t)
	long := strings.Repeat
	for _, c := range []struct {
		operation, input string
		// fields are those that are named as wrong; none when the input is right.
		fields string
	}{
		{"CreateRoom", `{"name":"` + long("a", 128) + `"}`, ""},
		{"CreateRoom", `{"name":"` + long("a", 129) + `"}`, "name"},
		{"CreateRoom", `{"name":"AZaz09-_"}`, ""},
		{"CreateRoom", `{"name":""}`, ""},
		{"CreateRoom", `{"name":"a b"}`, "name"},
		{"CreateRoom", `{"name":"ä"}`, "name"},
		{"CreateRoom", `{"name":"a\n"}`, "name"},
		{"CreateRoom", `{"maximumMessageLength":1}`, ""},
		{"CreateRoom", `{"maximumMessageLength":500}`, ""},
		{"CreateRoom", `{"maximumMessageLength":0}`, "maximumMessageLength"},
		{"CreateRoom", `{"maximumMessageLength":501}`, "maximumMessageLength"},
		{"CreateRoom", `{"maximumMessageLength":-1}`, "maximumMessageLength"},
		{"CreateRoom", `{"maximumMessageRatePerSecond":1}`, ""},
		{"CreateRoom", `{"maximumMessageRatePerSecond":100}`, ""},
		{"CreateRoom", `{"maximumMessageRatePerSecond":0}`, "maximumMessageRatePerSecond"},
		{"CreateRoom", `{"maximumMessageRatePerSecond":101}`, "maximumMessageRatePerSecond"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":""}}`, ""},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:` + long("f", 170-48) + `"}}`, ""},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:` + long("f", 171-47) + `"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:a\u0000b"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:a\r"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:a\n"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:a\u2028"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:\u2029a"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:a\u0085"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:a\u001f\u007f"}}`, "uri"},
		{"UpdateRoom", `{"identifier":"ROOM","messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:a\u0000b"}}`, "uri"},
		{"ListRooms", `{"messageReviewHandlerUri":"arn:aws:lambda:us-west-2:123456789012:function:a\u0000b"}`, "messageReviewHandlerUri"},
		{"CreateRoom", `{"name":"a\u0000","tags":{"a\u0000":"b"}}`, "name tags"},
		{"CreateRoom", `{"tags":{"a":"b\u0000"}}`, "tags"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"https://example.com/review"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:12345678901:function:f"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"arn:aws:lambda:us-west-2:123456789012:function:"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"uri":"x arn:aws:lambda:us-west-2:123456789012:function:f"}}`, "uri"},
		{"CreateRoom", `{"messageReviewHandler":{"fallbackResult":"ALLOW"}}`, ""},
		{"CreateRoom", `{"messageReviewHandler":{"fallbackResult":"DENY"}}`, ""},
		{"CreateRoom", `{"messageReviewHandler":{"fallbackResult":"allow"}}`, "fallbackResult"},
		{"CreateRoom", `{"messageReviewHandler":{"fallbackResult":""}}`, "fallbackResult"},
		{"CreateRoom", `{"loggingConfigurationIdentifiers":["LOGS"]}`, ""},
		{"CreateRoom", `{"loggingConfigurationIdentifiers":["LOGS","LOGS"]}`, "loggingConfigurationIdentifiers"},
		{"CreateRoom", `{"loggingConfigurationIdentifiers":["a","b","c","d"]}`, "loggingConfigurationIdentifiers"},
		{"CreateRoom", `{"loggingConfigurationIdentifiers":["ROOM"]}`, "loggingConfigurationIdentifiers"},
		{"CreateRoom", `{"loggingConfigurationIdentifiers":["` + *logs.ID + `"]}`, "loggingConfigurationIdentifiers"},
		{
			"CreateRoom",
			`{"name":"a b","maximumMessageLength":0,"maximumMessageRatePerSecond":101,"messageReviewHandler":{"uri":"x","fallbackResult":"x"},"loggingConfigurationIdentifiers":["x"],"tags":{"":""}}`,
			"name maximumMessageLength maximumMessageRatePerSecond uri fallbackResult loggingConfigurationIdentifiers tags",
		},

		{"CreateRoom", tagsInput(manyTags("k", 50)), ""},
		{"CreateRoom", tagsInput(manyTags("k", 51)), "tags"},
		{"CreateRoom", tagsInput(map[string]string{long("ä", 128): long("ö", 256)}), ""},
		{"CreateRoom", tagsInput(map[string]string{long("k", 129): ""}), "tags"},
		{"CreateRoom", tagsInput(map[string]string{"k": long("v", 257)}), "tags"},
		{"CreateRoom", tagsInput(map[string]string{"": "v"}), "tags"},
		{"CreateRoom", tagsInput(map[string]string{"A z0+-=._:/@": "A z0+-=._:/@", "日本": "語"}), ""},
		{"CreateRoom", tagsInput(map[string]string{"a#b": "v"}), "tags"},
		{"CreateRoom", tagsInput(map[string]string{"a": "v?"}), "tags"},
		{"CreateRoom", tagsInput(map[string]string{"aws:x": "v"}), "tags"},
		{"CreateRoom", tagsInput(map[string]string{"AwS:x": "v"}), "tags"},
		{"CreateRoom", tagsInput(map[string]string{"aws": "v", "awsome": "aws:"}), ""},

		{"UpdateRoom", `{}`, "identifier"},
		{"UpdateRoom", `{"identifier":"` + *room.ID + `"}`, "identifier"},
		{"UpdateRoom", `{"identifier":"ROOM","name":"a b","maximumMessageLength":501,"maximumMessageRatePerSecond":0,"messageReviewHandler":{"uri":"x","fallbackResult":"x"},"loggingConfigurationIdentifiers":["x"]}`, "name maximumMessageLength maximumMessageRatePerSecond uri fallbackResult loggingConfigurationIdentifiers"},
		{"UpdateRoom", `{"identifier":"ROOM","name":null,"maximumMessageLength":null,"messageReviewHandler":null,"loggingConfigurationIdentifiers":null}`, ""},

		{"GetRoom", `{"identifier":"ROOM"}`, ""},
		{"GetRoom", `{}`, "identifier"},
		{"GetRoom", `{"identifier":null}`, "identifier"},
		{"GetRoom", `{"Identifier":"ROOM"}`, "identifier"},
		{"GetRoom", `{"identifier":""}`, "identifier"},
		{"GetRoom", `{"identifier":"LOGS"}`, "identifier"},
		{"GetRoom", `{"identifier":" ROOM"}`, "identifier"},
		{"GetRoom", `{"identifier":"arn:aws-cn:ivschat:us-west-2:123456789012:room/AAAAAAAAAAAA"}`, "identifier"},
		{"GetRoom", `{"identifier":"arn:aws:ivs:us-west-2:123456789012:room/AAAAAAAAAAAA"}`, "identifier"},
		{"GetRoom", `{"identifier":"arn:aws:ivschat:us-west-2:123456789012:room/a_b"}`, "identifier"},
		{"GetRoom", `{"identifier":"arn:aws:ivschat:us-west-2:123456789012:room/` + long("a", 100) + `"}`, "identifier"},
		{"DeleteRoom", `{}`, "identifier"},
		{"GetLoggingConfiguration", `{"identifier":"LOGS"}`, ""},
		{"GetLoggingConfiguration", `{"identifier":"ROOM"}`, "identifier"},
		{"GetLoggingConfiguration", `{}`, "identifier"},
		{"DeleteLoggingConfiguration", `{}`, "identifier"},

		{"ListRooms", `{"maxResults":1,"nextToken":"","name":"","messageReviewHandlerUri":""}`, ""},
		{"ListRooms", `{"maxResults":50}`, ""},
		{"ListRooms", `{"maxResults":0}`, "maxResults"},
		{"ListRooms", `{"maxResults":51}`, "maxResults"},
		{"ListRooms", `{"name":"a b","messageReviewHandlerUri":"x","loggingConfigurationIdentifier":"ROOM","nextToken":"` + long("a", 1025) + `"}`, "name messageReviewHandlerUri loggingConfigurationIdentifier nextToken"},
		{"ListRooms", `{"loggingConfigurationIdentifier":"LOGS"}`, ""},
		{"ListLoggingConfigurations", `{"maxResults":50,"nextToken":""}`, ""},
		{"ListLoggingConfigurations", `{"maxResults":51,"nextToken":"` + long("a", 1025) + `"}`, "maxResults nextToken"},

		{"CreateLoggingConfiguration", `{}`, "destinationConfiguration"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":null}`, "destinationConfiguration"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"s3":{}}}`, "bucketName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"s3":{"bucketName":"ab"}}}`, "bucketName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"s3":{"bucketName":"` + long("a", 63) + `"}}}`, ""},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"s3":{"bucketName":"` + long("a", 64) + `"}}}`, "bucketName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"s3":{"bucketName":"Abc"}}}`, "bucketName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"cloudWatchLogs":{}}}`, "logGroupName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"cloudWatchLogs":{"logGroupName":""}}}`, "logGroupName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"cloudWatchLogs":{"logGroupName":"` + long("a", 512) + `"}}}`, ""},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"cloudWatchLogs":{"logGroupName":"` + long("a", 513) + `"}}}`, "logGroupName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"cloudWatchLogs":{"logGroupName":"a b"}}}`, "logGroupName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"firehose":{}}}`, "deliveryStreamName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"firehose":{"deliveryStreamName":"` + long("a", 64) + `"}}}`, ""},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"firehose":{"deliveryStreamName":"` + long("a", 65) + `"}}}`, "deliveryStreamName"},
		{"CreateLoggingConfiguration", `{"destinationConfiguration":{"firehose":{"deliveryStreamName":"a/b"}}}`, "deliveryStreamName"},
		{"CreateLoggingConfiguration", `{"name":"a b","tags":{"aws:a":""}}`, "destinationConfiguration name tags"},
		{"UpdateLoggingConfiguration", `{"name":"a b","destinationConfiguration":{"s3":{"bucketName":"ab"}}}`, "identifier name bucketName"},
		{"UpdateLoggingConfiguration", `{"identifier":"LOGS"}`, ""},

		{"CreateChatToken", `{}`, "roomIdentifier userId"},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":"` + long("😀", 128) + `"}`, ""},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":"` + long("a", 129) + `"}`, "userId"},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":""}`, "userId"},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":"a","sessionDurationInMinutes":1,"capabilities":[],"attributes":{}}`, ""},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":"a","sessionDurationInMinutes":0}`, "sessionDurationInMinutes"},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":"a","sessionDurationInMinutes":181}`, "sessionDurationInMinutes"},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":"a","capabilities":["VIEW"]}`, "capabilities"},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":"a","capabilities":["send_message"]}`, "capabilities"},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":"a","attributes":{"é":"` + long("v", 1022) + `"}}`, ""},
		{"CreateChatToken", `{"roomIdentifier":"ROOM","userId":"a","attributes":{"é":"` + long("v", 1023) + `"}}`, "attributes"},

		{"SendEvent", `{}`, "roomIdentifier eventName"},
		{"SendEvent", `{"roomIdentifier":"ROOM","eventName":"` + long("é", 100) + `"}`, ""},
		{"SendEvent", `{"roomIdentifier":"ROOM","eventName":"` + long("e", 101) + `"}`, "eventName"},
		{"SendEvent", `{"roomIdentifier":"ROOM","eventName":""}`, "eventName"},
		{"SendEvent", `{"roomIdentifier":"ROOM","eventName":"aws:DELETE_MESSAGE"}`, "eventName"},
		{"SendEvent", `{"roomIdentifier":"ROOM","eventName":"e","attributes":{"k":"` + long("v", 1023) + `"}}`, ""},
		{"SendEvent", `{"roomIdentifier":"ROOM","eventName":"e","attributes":{"k":"` + long("v", 1024) + `"}}`, "attributes"},

		{"DeleteMessage", `{}`, "roomIdentifier id"},
		{"DeleteMessage", `{"roomIdentifier":"ROOM","id":"AbCdEf123456","reason":"` + long("é", 256) + `"}`, ""},
		{"DeleteMessage", `{"roomIdentifier":"ROOM","id":"AbCdEf12345","reason":""}`, "id reason"},
		{"DeleteMessage", `{"roomIdentifier":"ROOM","id":"AbCdEf1234567","reason":"` + long("r", 257) + `"}`, "id reason"},
		{"DeleteMessage", `{"roomIdentifier":"ROOM","id":"AbCdEf12345_"}`, "id"},
		{"DisconnectUser", `{}`, "roomIdentifier userId"},
		{"DisconnectUser", `{"roomIdentifier":"ROOM","userId":"` + long("é", 128) + `","reason":"r"}`, ""},
		{"DisconnectUser", `{"roomIdentifier":"ROOM","userId":"` + long("u", 129) + `","reason":""}`, "userId reason"},
	} {
		t.Run(fmt.Sprintf("%s %.60s", c.operation, c.input), func(t *testing.T) {
			body := strings.NewReplacer("ROOM", *room.ARN, "LOGS", *logs.ARN).Replace(c.input)
			wantFields(t, s.post(t, c.operation, body), c.fields)
		})
	}
	tags := "/tags/" + strings.ReplaceAll(*room.ARN, "/", "%2F")
	for _, c := range []struct{ name, method, query, body, fields string }{
		{"TagResource without tags", "POST", "", `{}`, "tags"},
		{"TagResource without a body", "POST", "", ``, "tags"},
		{"TagResource with no tag", "POST", "", `{"tags":{}}`, ""},
		{"TagResource with 51", "POST", "", tagsInput(manyTags("k", 51)), "tags"},
		{"TagResource aws:", "POST", "", tagsInput(map[string]string{"AWS:a": "b"}), "tags"},
		{"UntagResource without keys", "DELETE", "", "", "tagKeys"},
		{"UntagResource with an empty key", "DELETE", "?tagKeys=", "", "tagKeys"},
		{"UntagResource with a long key", "DELETE", "?tagKeys=" + long("k", 129), "", "tagKeys"},
		{"UntagResource with 51 keys", "DELETE", "?" + long("tagKeys=a&", 51), "", "tagKeys"},
		{"UntagResource with 50 keys", "DELETE", "?" + long("tagKeys=a&", 50), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) { wantFields(t, s.send(t, c.method, tags+c.query, c.body, nil), c.fields) })
	}
}

func tagsInput(tags map[string]string) string {
	text, err := json.Marshal(map[string]any{"tags": tags})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// wantFields checks that the request was found wrong in these fields, or right.
func wantFields(t *testing.T, a answer, fields string) {
	t.Helper()
	if fields == "" {
		if a.status/100 != 2 {
			t.Errorf("got %d %s", a.status, a.text)
		}
		return
	}
	a.want(t, 400, "ValidationException")
	if a.body["reason"] != "FIELD_VALIDATION_FAILED" {
		t.Errorf("the reason is %v", a.body["reason"])
	}
	message, _ := a.body["message"].(string)
	var names []string
	list, _ := a.body["fieldList"].([]any)
	for _, f := range list {
		field, ok := f.(map[string]any)
		if !ok || len(field) != 2 {
			t.Fatalf("got %s", a.text)
		}
		if want := fmt.Sprintf("Request member: %s failed to satisfy the constraints: %s", field["name"], field["message"]); !strings.Contains(message, want) {
			t.Errorf("the message %q lacks %q", message, want)
		}
		if name := fmt.Sprint(field["name"]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if d := cmp.Diff(strings.Fields(fields), names); d != "" {
		t.Errorf("%s in %s", d, a.text)
	}
	if keys := slices.Sorted(maps.Keys(a.body)); !slices.Equal(keys, []string{"fieldList", "message", "reason"}) {
		t.Errorf("the members are %v", keys)
	}
}

func TestMethodsCheckUTF8(t *testing.T) {
	s := newService(t, nil)
	room := s.room(t, control.CreateRoomInput{})
	_, err := s.CreateChatToken(asRoot(t), &control.CreateChatTokenInput{RoomIdentifier: room.ARN, UserID: new("a\xff")})
	wantCode(t, err, chat.Invalid)
	_, err = s.CreateChatToken(asRoot(t), &control.CreateChatTokenInput{RoomIdentifier: room.ARN, UserID: new("a"), Attributes: map[string]string{"\xff": ""}})
	wantCode(t, err, chat.Invalid)
}
