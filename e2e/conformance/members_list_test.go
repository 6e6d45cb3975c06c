package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestListMembers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ListRooms", "ListLoggingConfigurations"} {
		group(t, name, func(t *testing.T) {
			list := operation{name: name}
			list.member(t, "maxResults", numberTrials(50)...)
			list.member(t, "nextToken",
				ok("a missing one", missing{}),
				ok("null", nil),
				ok("an empty one", ""),
				no("one that was made up", "bm90LWEtdG9rZW4"),
				no("1025 characters", letters(1025)),
				wrong("a number", 1),
			)
		})
	}
	group(t, "ListRooms filters", func(t *testing.T) {
		list := operation{name: "ListRooms"}
		list.member(t, "name",
			ok("128 characters", letters(128)),
			no("129 characters", letters(129)),
			no("a space", "a b"),
			wrong("a number", 1))
		list.member(t, "messageReviewHandlerUri",
			ok("a function", lambda),
			no("171 characters", lambda+letters(171-len(lambda))),
			no("a URL", "https://example.com"),
			wrong("a number", 1))
		list.member(t, "loggingConfigurationIdentifier",
			unknown("an unknown id", loggingARN(noID), "LOGGING_CONFIGURATION", noID),
			no("a bare id", noID),
			no("the ARN of a room", roomARN(noID)),
			wrong("a number", 1))
	})
}

func TestTagMembers(t *testing.T) {
	t.Parallel()
	for _, tr := range tagTrials {
		check(t, "TagResource/"+tr.name, func(t *testing.T) {
			room := newRoom(t, nil)
			body := jsonText(t, m{"tags": tr.value})
			tr.want(t, subject.send(t, &call4{path: tagPath(room.arn), body: body}), http.StatusOK, "tags")
		})
	}
	for name, body := range map[string]string{"missing tags": `{}`, "null tags": `{"tags":null}`} {
		check(t, "TagResource/"+name+" are refused", func(t *testing.T) {
			room := newRoom(t, nil)
			subject.send(t, &call4{path: tagPath(room.arn), body: body}).wantInvalid(t, "tags")
		})
	}
	untag := func(t *testing.T, query string) *reply {
		t.Helper()
		room := newRoom(t, nil)
		return subject.send(t, &call4{method: http.MethodDelete, path: tagPath(room.arn), query: query})
	}
	keys := func(n int) string {
		q := make([]string, n)
		for i := range q {
			q[i] = fmt.Sprintf("tagKeys=key%02d", i)
		}
		return strings.Join(q, "&")
	}
	for name, query := range map[string]string{
		"unknown keys": "tagKeys=a&tagKeys=b%20c", "50 keys": keys(50), "a key of 128 characters": "tagKeys=" + letters(128),
	} {
		check(t, "UntagResource/"+name+" are accepted", func(t *testing.T) { untag(t, query).want(t, http.StatusOK) })
	}
	for name, query := range map[string]string{
		"missing keys": "", "51 keys": keys(51), "an empty key": "tagKeys=", "a key of 129 characters": "tagKeys=" + letters(129),
	} {
		check(t, "UntagResource/"+name+" are refused", func(t *testing.T) { untag(t, query).wantInvalid(t, "tagKeys") })
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		request := func(arn string) *call4 {
			c := &call4{method: method, path: tagPath(arn)}
			switch method {
			case http.MethodPost:
				c.body = `{"tags":{"k":"v"}}`
			case http.MethodDelete:
				c.query = "tagKeys=k"
			}
			return c
		}
		check(t, "resourceArn/"+method+" of an unknown room is not found", func(t *testing.T) {
			subject.send(t, request(roomARN(noID))).wantNotFound(t, "ROOM", noID)
		})
		check(t, "resourceArn/"+method+" of an unknown logging configuration is not found", func(t *testing.T) {
			subject.send(t, request(loggingARN(noID))).wantNotFound(t, "LOGGING_CONFIGURATION", noID)
		})
		check(t, "resourceArn/"+method+" of no ARN is refused", func(t *testing.T) {
			subject.send(t, request("not-an-arn")).wantInvalid(t, "resourceArn")
		})
		check(t, "resourceArn/"+method+" of 129 characters is refused", func(t *testing.T) {
			subject.send(t, request(roomARN(letters(129-len(roomARN("")))))).wantInvalid(t, "resourceArn")
		})
	}
}
