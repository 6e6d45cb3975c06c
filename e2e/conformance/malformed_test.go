package conformance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	malformed := map[string]string{
		"not JSON":                        `hello`,
		"an open object":                  `{"name":"x"`,
		"an open string":                  `{"name":"x`,
		"something behind the object":     `{} {}`,
		"a comma at the end":              `{"name":"x",}`,
		"a comment":                       `{/* none */}`,
		"single quotes":                   `{'name':'x'}`,
		"a list":                          `[]`,
		"a string":                        `"name"`,
		"a number":                        `1`,
		"a key twice":                     `{"name":"x","name":"y"}`,
		"a key twice inside":              `{"tags":{"a":"1","a":"2"}}`,
		"a key twice in another spelling": `{"name":"x","n\u0061me":"y"}`,
		"invalid UTF-8 in a value":        "{\"name\":\"\xff\"}",
		"invalid UTF-8 in a key":          "{\"\xc3\x28\":1}",
		"an overlong sequence":            "{\"name\":\"\xc0\xaf\"}",
		"half a surrogate pair in bytes":  "{\"tags\":{\"a\":\"\xed\xa0\xbd\"}}",
		"keys that are the same halves":   `{"tags":{"\ud83d":"1","\ud83e":"2"}}`,
		"a control character":             "{\"name\":\"a\x01b\"}",
		"a leading zero":                  `{"maximumMessageLength":05}`,
		"NaN":                             `{"maximumMessageLength":NaN}`,
		"1000 lists in each other":        `{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
		"60000 lists that stay open":      `{"x":` + strings.Repeat("[", 60000),
		"1000 objects in each other":      strings.Repeat(`{"x":`, 1000) + "1" + strings.Repeat("}", 1000),
		"a byte order mark":               "\ufeff{}",
	}
	for name, body := range malformed {
		check(t, name, func(t *testing.T) {
			subject.callText(t, "CreateRoom", body).wantMalformed(t)
		})
	}
	check(t, "white space around the object is accepted", func(t *testing.T) {
		subject.callText(t, "CreateRoom", " \n\t{ \"name\" : \"x\" }\r\n").want(t, http.StatusOK)
	})
	check(t, "escapes in keys are read", func(t *testing.T) {
		o := subject.callText(t, "CreateRoom", `{"n\u0061me":"x\u002dy"}`).want(t, http.StatusOK)
		wantValue(t, o, "name", "x-y")
	})
	check(t, "half a surrogate pair is read as U+FFFD", func(t *testing.T) {
		room := newRoom(t, nil)
		viewer := join(t, room, "viewer")
		subject.callText(t, "SendEvent", `{"roomIdentifier":"`+room.arn+`","eventName":"e\ud83d","attributes":{"k\ude00":"v\ud83d\ud83d\ude00"}}`).want(t, http.StatusOK)
		f := viewer.nextEvent(t, "e\ufffd")
		if diff := cmp.Diff(map[string]string{"k\ufffd": "v\ufffd😀"}, f.Attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
	})
	check(t, "half a surrogate pair is U+FFFD where a pattern decides", func(t *testing.T) {
		subject.callText(t, "CreateRoom", `{"name":"x\ud83d"}`).wantInvalid(t, "name")
		subject.callText(t, "CreateRoom", `{"tags":{"a":"\ud83d"}}`).wantInvalid(t, "tags")
	})
	check(t, "a body of 10 MB is too large", func(t *testing.T) {
		r := subject.callText(t, "CreateRoom", `{"name":"`+letters(10<<20)+`"}`)
		r.wantError(t, "RequestEntityTooLargeException", http.StatusRequestEntityTooLarge)
	})
	check(t, "a body as large as an event can be is accepted", func(t *testing.T) {
		// 1 KB of attributes, each byte escaped to six, and a name of 100 such.
		room := newRoom(t, nil)
		body := `{"roomIdentifier":"` + room.arn + `","eventName":"` + strings.Repeat(`\u00e4`, 100) +
			`","attributes":{"k":"` + strings.Repeat(`\u0061`, 1023) + `"}}`
		subject.callText(t, "SendEvent", body).want(t, http.StatusOK)
	})
}
