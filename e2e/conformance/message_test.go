package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	// pair is a sender and a viewer in a new room.
	pair := func(t *testing.T, members m) (sender, viewer *session) {
		t.Helper()
		room := newRoom(t, members)
		viewer = join(t, room, "viewer")
		return join(t, room, "sender", "SEND_MESSAGE"), viewer
	}
	check(t, "goes to everybody and the sender with the same text", func(t *testing.T) {
		sender, viewer := pair(t, nil)
		sender.do(t, m{"Action": "SEND_MESSAGE", "Content": "hello", "RequestId": "request-1"})
		a, b := sender.nextMessage(t, "hello"), viewer.nextMessage(t, "hello")
		if a.raw != b.raw {
			t.Errorf("the sender got %s\nthe viewer got %s", a.raw, b.raw)
		}
		a.wantForm(t)
	})
	check(t, "members stand in the observed order", func(t *testing.T) {
		sender, _ := pair(t, nil)
		sender.do(t, m{"Action": "SEND_MESSAGE", "Content": "hello", "RequestId": "r", "Attributes": m{"a": "b"}})
		f := sender.nextMessage(t, "hello")
		f.wantForm(t)
		if !strings.HasPrefix(f.raw, `{"Type":"MESSAGE","Id":"`) || !strings.HasSuffix(f.raw, `"Sender":{"UserId":"sender","Attributes":{}}}`) {
			t.Errorf("frame %s", f.raw)
		}
	})
	check(t, "carries the request id", func(t *testing.T) {
		sender, viewer := pair(t, nil)
		sender.do(t, m{"Action": "SEND_MESSAGE", "Content": "x", "RequestId": "any string, even ü"})
		if f := viewer.nextMessage(t, "x"); f.RequestID != "any string, even ü" {
			t.Errorf("RequestId %q", f.RequestID)
		}
	})
	for name, request := range map[string]string{
		"missing": `{"Action":"SEND_MESSAGE","Content":"x"}`,
		"null":    `{"Action":"SEND_MESSAGE","Content":"x","RequestId":null}`,
		"empty":   `{"Action":"SEND_MESSAGE","Content":"x","RequestId":""}`,
	} {
		check(t, "has an empty request id when it was "+name, func(t *testing.T) {
			sender, _ := pair(t, nil)
			sender.write(t, request)
			if f := sender.nextMessage(t, "x"); !strings.Contains(f.raw, `"RequestId":""`) {
				t.Errorf("frame %s", f.raw)
			}
		})
	}
	for name, c := range map[string]struct {
		request string
		want    string
	}{
		"missing are null": {`{"Action":"SEND_MESSAGE","Content":"x"}`, `"Attributes":null,"Content"`},
		"null are null":    {`{"Action":"SEND_MESSAGE","Content":"x","Attributes":null}`, `"Attributes":null,"Content"`},
		"empty are empty":  {`{"Action":"SEND_MESSAGE","Content":"x","Attributes":{}}`, `"Attributes":{},"Content"`},
		"come as sent":     {`{"Action":"SEND_MESSAGE","Content":"x","Attributes":{"Key":"Value"}}`, `"Attributes":{"Key":"Value"},"Content"`},
	} {
		check(t, "attributes that are "+name, func(t *testing.T) {
			sender, _ := pair(t, nil)
			sender.write(t, c.request)
			if f := sender.nextMessage(t, "x"); !strings.Contains(f.raw, c.want) {
				t.Errorf("frame %s, want %s in it", f.raw, c.want)
			}
		})
	}
	check(t, "keys of attributes keep their case", func(t *testing.T) {
		sender, _ := pair(t, nil)
		want := map[string]string{"content": "1", "CONTENT": "2", "Content": "3", "action": "4"}
		sender.do(t, m{"Action": "SEND_MESSAGE", "Content": "x", "Attributes": want})
		if diff := cmp.Diff(want, sender.nextMessage(t, "x").Attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
	})
	check(t, "the sender is who the token says", func(t *testing.T) {
		room := newRoom(t, nil)
		s := subject.join(t, room, m{"userId": "Ann/ü 😀", "attributes": m{"name": "Ann", "colour": "blü"}})
		s.say(t, "x")
		f := s.nextMessage(t, "x")
		if f.Sender.UserID != "Ann/ü 😀" {
			t.Errorf("UserId %q", f.Sender.UserID)
		}
		if diff := cmp.Diff(map[string]string{"name": "Ann", "colour": "blü"}, f.Sender.Attributes); diff != "" {
			t.Errorf("Sender.Attributes (-want +got):\n%s", diff)
		}
	})
	check(t, "a sender without attributes has an empty object", func(t *testing.T) {
		sender, _ := pair(t, nil)
		sender.say(t, "x")
		if f := sender.nextMessage(t, "x"); !strings.Contains(f.raw, `"Sender":{"UserId":"sender","Attributes":{}}`) {
			t.Errorf("frame %s", f.raw)
		}
	})
	check(t, "the time is now", func(t *testing.T) {
		sender, _ := pair(t, nil)
		sender.say(t, "x")
		at, err := time.Parse(time.RFC3339Nano, sender.nextMessage(t, "x").SendTime)
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(at); age > time.Minute || age < -time.Minute {
			t.Errorf("SendTime is %s ago", age)
		}
	})
	check(t, "ids are fresh", func(t *testing.T) {
		sender, _ := pair(t, m{"maximumMessageRatePerSecond": 100})
		seen := map[string]bool{}
		for range 10 {
			sender.do(t, m{"Action": "SEND_MESSAGE", "Content": "x", "RequestId": "the same"})
		}
		for range 10 {
			f := sender.nextMessage(t, "x")
			if seen[f.ID] {
				t.Errorf("Id %s twice", f.ID)
			}
			seen[f.ID] = true
		}
	})
	for name, content := range map[string]string{
		"quotes and backslashes":  `"\" \\ / `,
		"HTML":                    `<b>&amp;</b>`,
		"control characters":      "a\x00b\tc\nd\x1fe\x7f",
		"line separators":         "a\u2028b\u2029c",
		"the replacement":         "\ufffd",
		"a byte order mark":       "\ufeffx",
		"astral characters":       "😀𝒳",
		"combined characters":     "👨‍👩‍👧‍👦e\u0301",
		"right-to-left":           "שלום عالم",
		"white space around text": "  x \n",
	} {
		check(t, "content comes as sent/"+name, func(t *testing.T) {
			sender, viewer := pair(t, nil)
			sender.say(t, content)
			viewer.nextMessage(t, content)
		})
	}
	check(t, "escaped surrogates are one character", func(t *testing.T) {
		sender, _ := pair(t, m{"maximumMessageLength": 1})
		sender.write(t, `{"Action":"SEND_MESSAGE","Content":"\ud83d\ude00"}`)
		sender.nextMessage(t, "😀")
	})
	group(t, "length", func(t *testing.T) {
		for _, c := range []struct {
			name    string
			limit   int
			content string
			ok      bool
		}{
			{"500 letters are accepted", 500, letters(500), true},
			{"501 letters are refused", 500, letters(501), false},
			{"500 code points of four bytes are accepted", 500, strings.Repeat("😀", 500), true},
			{"501 code points of four bytes are refused", 500, strings.Repeat("😀", 501), false},
			{"combining characters count", 3, "e\u0301e\u0301", false},
			{"the room's own limit is kept", 5, "12345", true},
			{"one more than the room's own limit is refused", 5, "123456", false},
			{"white space around is not counted", 5, "  12345\n\t ", true},
			{"white space inside is counted", 5, "1 2 3 4", false},
			{"one character in a room of one is accepted", 1, "x", true},
		} {
			check(t, c.name, func(t *testing.T) {
				sender, _ := pair(t, m{"maximumMessageLength": c.limit})
				sender.do(t, m{"Action": "SEND_MESSAGE", "Content": c.content, "RequestId": "r"})
				if c.ok {
					sender.nextMessage(t, c.content)
					return
				}
				f := sender.nextError(t, 400)
				if f.ErrorMessage != "Message exceeds maximum length" || f.RequestID != "r" {
					t.Errorf("frame %s", f.raw)
				}
			})
		}
	})
	check(t, "there is no history for those who come later", func(t *testing.T) {
		room := newRoom(t, nil)
		sender := join(t, room, "sender", all...)
		sender.say(t, "before")
		sender.nextMessage(t, "before")
		// A client that replaces a connection by another gets what came a moment before it
		// (docs/compatibility.md). This one comes later than that.
		<-time.After(200 * time.Millisecond)
		late := join(t, room, "late")
		late.wantQuiet(t, room)
	})
	check(t, "a room gets no messages of another room", func(t *testing.T) {
		a, b := newRoom(t, nil), newRoom(t, nil)
		inA, inB := join(t, a, "u", all...), join(t, b, "u", all...)
		inA.say(t, "only in a")
		inA.nextMessage(t, "only in a")
		inB.wantQuiet(t, b)
	})
	group(t, "keys in any case", func(t *testing.T) {
		for name, request := range map[string]string{
			"small letters": `{"action":"SEND_MESSAGE","requestId":"r","content":"x","attributes":{"a":"b"}}`,
			"capitals":      `{"ACTION":"SEND_MESSAGE","REQUESTID":"r","CONTENT":"x","ATTRIBUTES":{"a":"b"}}`,
			"mixed":         `{"aCtIoN":"SEND_MESSAGE","RequestID":"r","cOntent":"x","Attributes":{"a":"b"}}`,
		} {
			check(t, name, func(t *testing.T) {
				sender, _ := pair(t, nil)
				sender.write(t, request)
				f := sender.nextMessage(t, "x")
				if f.RequestID != "r" || f.Attributes["a"] != "b" {
					t.Errorf("frame %s", f.raw)
				}
			})
		}
		check(t, "the action itself knows case", func(t *testing.T) {
			sender, _ := pair(t, nil)
			sender.write(t, `{"Action":"send_message","Content":"x"}`)
			sender.nextError(t, 400)
		})
	})
	check(t, "unknown members are ignored", func(t *testing.T) {
		sender, _ := pair(t, nil)
		sender.write(t, `{"Action":"SEND_MESSAGE","Content":"x","Colour":"blue","Nested":{"a":[1,2]},"Reason":null}`)
		sender.nextMessage(t, "x")
	})
	check(t, "white space around the object is ignored", func(t *testing.T) {
		sender, _ := pair(t, nil)
		sender.write(t, " \n{ \"Action\" : \"SEND_MESSAGE\" , \"Content\" : \"x\" }\t ")
		sender.nextMessage(t, "x")
	})
}
