package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// roomARN returns the ARN of a room that need not exist.
func roomARN(id string) string {
	return fmt.Sprintf("arn:aws:ivschat:%s:%s:room/%s", subject.region, subject.account, id)
}

func loggingARN(id string) string {
	return fmt.Sprintf("arn:aws:ivschat:%s:%s:logging-configuration/%s", subject.region, subject.account, id)
}

const noID = "AAAAAAAAAAAA" // the id of nothing

// identifierTrials are what every member that names a room or a logging
// configuration must refuse.
func identifierTrials(kind string) []trial {
	arn, other, resourceType := roomARN, loggingARN, "ROOM"
	if kind == "logging-configuration" {
		arn, other, resourceType = loggingARN, roomARN, "LOGGING_CONFIGURATION"
	}
	account := ":" + subject.account + ":"
	return []trial{
		unknown("an unknown id", arn(noID), resourceType, noID),
		no("a missing one", missing{}),
		no("null", nil),
		no("an empty one", ""),
		no("a bare id", noID),
		no("another kind of resource", other(noID)),
		no("another service", strings.Replace(arn(noID), ":ivschat:", ":ivs:", 1)),
		no("another partition", strings.Replace(arn(noID), "arn:aws:", "arn:aws-cn:", 1)),
		no("a region in capitals", strings.Replace(arn(noID), subject.region, "US-WEST-2", 1)),
		no("an account with letters", strings.Replace(arn(noID), account, ":12345678901x:", 1)),
		no("an ARN without an id", arn("")),
		no("an id with an underscore", arn("AAAAAA_AAAAA")),
		no("a trailing slash", arn(noID)+"/"),
		no("a leading space", " "+arn(noID)),
		no("a trailing newline", arn(noID)+"\n"),
		no("129 characters", arn(letters(129-len(arn(""))))),
		wrong("a number", 7),
		wrong("a list", []string{arn(noID)}),
	}
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	for _, o := range []struct {
		name, member, kind string
		base               m
	}{
		{"GetRoom", "identifier", "room", nil},
		{"UpdateRoom", "identifier", "room", m{"name": "x"}},
		{"DeleteRoom", "identifier", "room", nil},
		{"CreateChatToken", "roomIdentifier", "room", m{"userId": "u"}},
		{"SendEvent", "roomIdentifier", "room", m{"eventName": "e"}},
		{"DeleteMessage", "roomIdentifier", "room", m{"id": noID}},
		{"DisconnectUser", "roomIdentifier", "room", m{"userId": "u"}},
		{"GetLoggingConfiguration", "identifier", "logging-configuration", nil},
		{"UpdateLoggingConfiguration", "identifier", "logging-configuration", m{"name": "x"}},
		{"DeleteLoggingConfiguration", "identifier", "logging-configuration", nil},
	} {
		group(t, o.name, func(t *testing.T) {
			operation{name: o.name, base: o.base}.member(t, o.member, identifierTrials(o.kind)...)
		})
	}
}

// nameTrials are those of the name of a room or a logging configuration.
var nameTrials = []trial{
	ok("a missing one", missing{}),
	ok("null", nil),
	ok("an empty one", ""),
	ok("one letter", "a"),
	ok("128 characters", letters(128)),
	ok("letters digits hyphen and underscore", "aZ09-_"),
	no("129 characters", letters(129)),
	no("a space", "a b"),
	no("a dot", "a.b"),
	no("a slash", "a/b"),
	no("a letter beyond ASCII", "ä"),
	no("a newline at the end", "a\n"),
	wrong("a number", 1),
	wrong("a boolean", true),
	wrong("an object", m{}),
}

// numberTrials are those of an integer between 1 and max.
func numberTrials(max int) []trial {
	return []trial{
		ok("a missing one", missing{}),
		ok("null", nil),
		ok("1", 1),
		ok(fmt.Sprint(max), max),
		no("0", 0),
		no(fmt.Sprint(max+1), max+1),
		no("a negative one", -1),
		wrong("a string", "5"),
		wrong("a fraction", 1.5),
		wrong("a boolean", true),
		wrong("a number beyond 64 bits", 1e30),
	}
}

// tags returns n tags.
func tags(n int) m {
	all := m{}
	for i := range n {
		all[fmt.Sprintf("key%02d", i)] = "value"
	}
	return all
}

// tagTrials are those of the tags of Create* and TagResource.
var tagTrials = []trial{
	ok("50", tags(50)),
	ok("a key of one character", m{"k": "v"}),
	ok("a key of 128 characters", m{letters(128): "v"}),
	ok("an empty value", m{"k": ""}),
	ok("a value of 256 characters", m{"k": letters(256)}),
	ok("every sign that is allowed", m{"a+-=._:/@ 1": "a+-=._:/@ 1"}),
	ok("letters beyond ASCII", m{"straße": "größe"}),
	ok("keys that differ in case only", m{"k": "1", "K": "2"}),
	no("51", tags(51)),
	no("an empty key", m{"": "v"}),
	no("a key of 129 characters", m{letters(129): "v"}),
	no("a value of 257 characters", m{"k": letters(257)}),
	no("a key with aws:", m{"aws:k": "v"}),
	no("a key with AWS:", m{"AWS:k": "v"}),
	no("a key with another sign", m{"a#b": "v"}),
	no("a value with another sign", m{"k": "a*b"}),
	wrong("a list", []string{"k"}),
	wrong("a value that is a number", m{"k": 1}),
	wrong("a value that is an object", m{"k": m{}}),
}
