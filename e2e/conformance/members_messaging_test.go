package conformance

import (
	"strings"
	"testing"
)

func TestCreateChatTokenMembers(t *testing.T) {
	t.Parallel()
	room := newRoom(t, nil)
	t.Run("CreateChatToken", func(t *testing.T) {
		token := operation{name: "CreateChatToken", base: m{"roomIdentifier": room.arn, "userId": "u"}}
		token.member(t, "userId",
			ok("one character", "u"),
			ok("128 letters", letters(128)),
			ok("128 code points of four bytes", strings.Repeat("😀", 128)),
			ok("any character", "a b/\"\\\n<ü>"),
			no("129 letters", letters(129)),
			no("129 code points", strings.Repeat("😀", 129)),
			no("an empty one", ""),
			no("a missing one", missing{}),
			no("null", nil),
			wrong("a number", 1),
		)
		token.member(t, "capabilities",
			ok("a missing one", missing{}),
			ok("null", nil),
			ok("none", []string{}),
			ok("SEND_MESSAGE", []string{"SEND_MESSAGE"}),
			ok("DELETE_MESSAGE", []string{"DELETE_MESSAGE"}),
			ok("DISCONNECT_USER", []string{"DISCONNECT_USER"}),
			ok("all three", []string{"SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER"}),
			no("an unknown one", []string{"VIEW"}),
			no("one in small letters", []string{"send_message"}),
			no("an empty one", []string{""}),
			no("a good one and a bad one", []string{"SEND_MESSAGE", "BAN"}),
			wrong("a string", "SEND_MESSAGE"),
			wrong("a number in the list", []int{1}),
		)
		token.member(t, "sessionDurationInMinutes", numberTrials(180)...)
		token.member(t, "attributes", append(attributeTrials, ok("null", nil), ok("none", m{}))...)
	})
}

// attributeTrials are those of a map that holds 1 KB in total, in UTF-8 bytes
// of keys and values.
var attributeTrials = []trial{
	ok("1024 bytes in one", m{"k": letters(1023)}),
	ok("1024 bytes in several", m{"ab": letters(510), "cd": letters(510)}),
	ok("1024 bytes beyond ASCII", m{"kk": strings.Repeat("ü", 511)}),
	ok("an empty value", m{"k": ""}),
	ok("any character", m{"a b/\"\\\n<ü>😀": "\u0000\u2028\""}),
	no("1025 bytes in one", m{"k": letters(1024)}),
	no("1025 bytes in several", m{"ab": letters(510), "cd": letters(511)}),
	no("1026 bytes beyond ASCII", m{"kk": strings.Repeat("ü", 512)}),
	no("a key of 1025 bytes", m{letters(1025): ""}),
	wrong("a list", []string{}),
	wrong("a string", "k=v"),
	wrong("a value that is a number", m{"k": 1}),
	wrong("a value that is a boolean", m{"k": true}),
	wrong("a value that is a map", m{"k": m{}}),
}

func TestMessagingMembers(t *testing.T) {
	t.Parallel()
	room := newRoom(t, nil)
	reasons := []trial{
		ok("a missing one", missing{}),
		ok("null", nil),
		ok("one character", "r"),
		ok("256 characters", letters(256)),
		ok("256 code points of four bytes", strings.Repeat("😀", 256)),
		no("an empty one", ""),
		no("257 characters", letters(257)),
		wrong("a number", 1),
	}
	group(t, "SendEvent", func(t *testing.T) {
		send := operation{name: "SendEvent", base: m{"roomIdentifier": room.arn, "eventName": "e"}}
		send.member(t, "eventName",
			ok("one character", "e"),
			ok("100 characters", letters(100)),
			ok("100 code points of four bytes", strings.Repeat("😀", 100)),
			ok("a prefix of the application", "app:DELETE_BY_USER"),
			no("101 characters", letters(101)),
			no("an empty one", ""),
			no("a missing one", missing{}),
			no("null", nil),
			no("aws:DELETE_MESSAGE", "aws:DELETE_MESSAGE"),
			no("aws:DISCONNECT_USER", "aws:DISCONNECT_USER"),
			no("any name with aws:", "aws:anything"),
			wrong("a number", 1),
		)
		send.member(t, "attributes", append(attributeTrials, ok("null", nil), ok("none", m{}))...)
	})
	group(t, "DeleteMessage", func(t *testing.T) {
		remove := operation{name: "DeleteMessage", base: m{"roomIdentifier": room.arn, "id": noID}}
		remove.member(t, "id",
			ok("12 letters and digits", "aZ09aZ09aZ09"),
			no("11 characters", letters(11)),
			no("13 characters", letters(13)),
			no("a hyphen", "aaaaaa-aaaaa"),
			no("letters beyond ASCII", "ääääääääääää"),
			no("an empty one", ""),
			no("a missing one", missing{}),
			no("null", nil),
			wrong("a number", 123456789012),
		)
		remove.member(t, "reason", reasons...)
	})
	group(t, "DisconnectUser", func(t *testing.T) {
		disconnect := operation{name: "DisconnectUser", base: m{"roomIdentifier": room.arn, "userId": "u"}}
		disconnect.member(t, "userId",
			ok("one character", "u"),
			ok("128 code points of four bytes", strings.Repeat("😀", 128)),
			no("129 characters", letters(129)),
			no("an empty one", ""),
			no("a missing one", missing{}),
			no("null", nil),
			wrong("a number", 1),
		)
		disconnect.member(t, "reason", reasons...)
	})
}
