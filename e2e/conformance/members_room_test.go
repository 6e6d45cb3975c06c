package conformance

import (
	"testing"
)

const lambda = "arn:aws:lambda:us-west-2:123456789012:function:review"

// handlerTrials are those of messageReviewHandler.
var handlerTrials = []trial{
	ok("null", nil),
	ok("an empty object", m{}),
	ok("an empty uri", m{"uri": ""}),
	ok("a function", m{"uri": lambda}),
	ok("a version of a function", m{"uri": lambda + ":7"}),
	ok("170 characters", m{"uri": lambda + letters(170-len(lambda))}),
	ok("the fallback ALLOW", m{"uri": lambda, "fallbackResult": "ALLOW"}),
	ok("the fallback DENY", m{"uri": lambda, "fallbackResult": "DENY"}),
	ok("a fallback alone", m{"fallbackResult": "DENY"}),
	no("171 characters", m{"uri": lambda + letters(171-len(lambda))}, "uri"),
	no("a URL", m{"uri": "https://example.com/review"}, "uri"),
	no("an account of 11 digits", m{"uri": "arn:aws:lambda:us-west-2:12345678901:function:f"}, "uri"),
	no("a region in capitals", m{"uri": "arn:aws:lambda:US-WEST-2:123456789012:function:f"}, "uri"),
	no("another service", m{"uri": "arn:aws:sqs:us-west-2:123456789012:function:f"}, "uri"),
	no("a function without a name", m{"uri": "arn:aws:lambda:us-west-2:123456789012:function:"}, "uri"),
	no("a fallback in small letters", m{"uri": lambda, "fallbackResult": "allow"}, "fallbackResult"),
	no("an unknown fallback", m{"uri": lambda, "fallbackResult": "MAYBE"}, "fallbackResult"),
	no("an empty fallback", m{"uri": lambda, "fallbackResult": ""}, "fallbackResult"),
	wrong("a string", lambda),
	wrong("a uri that is a number", m{"uri": 1}),
}

func TestCreateRoomMembers(t *testing.T) {
	t.Parallel()
	create := operation{name: "CreateRoom"}
	create.member(t, "name", nameTrials...)
	create.member(t, "maximumMessageLength", numberTrials(500)...)
	create.member(t, "maximumMessageRatePerSecond", numberTrials(100)...)
	create.member(t, "messageReviewHandler", handlerTrials...)
	create.member(t, "tags", append([]trial{ok("none", m{}), ok("null", nil), ok("a missing one", missing{})}, tagTrials...)...)
	create.member(t, "loggingConfigurationIdentifiers", loggingListTrials...)
}

// loggingListTrials are those of a room's list that need no configuration.
var loggingListTrials = []trial{
	ok("an empty list", []string{}),
	ok("null", nil),
	no("a bare id", []string{noID}),
	no("an empty string", []string{""}),
	no("the ARN of a room", []string{"arn:aws:ivschat:us-west-2:123456789012:room/AAAAAAAAAAAA"}),
	wrong("a string", "arn"),
	wrong("a list of numbers", []int{1}),
}

func TestUpdateRoomMembers(t *testing.T) {
	t.Parallel()
	room := newRoom(t, nil)
	t.Run("UpdateRoom", func(t *testing.T) {
		update := operation{name: "UpdateRoom", base: m{"identifier": room.arn}}
		update.member(t, "name", nameTrials...)
		update.member(t, "maximumMessageLength", numberTrials(500)...)
		update.member(t, "maximumMessageRatePerSecond", numberTrials(100)...)
		update.member(t, "messageReviewHandler", handlerTrials...)
		update.member(t, "loggingConfigurationIdentifiers", loggingListTrials...)
	})
}
