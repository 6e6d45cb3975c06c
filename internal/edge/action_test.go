package edge

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
)

func TestDecodeAction(t *testing.T) {
	for name, c := range map[string]struct {
		frame string
		want  action
	}{
		"as the JavaScript client sends it": {
			`{"Action":"SEND_MESSAGE","RequestId":"r","Content":"hi"}`,
			action{Name: chat.SendMessage, RequestID: "r", Content: "hi"},
		},
		"with attributes": {
			`{"Action":"SEND_MESSAGE","Content":"hi","Attributes":{"K":"v","k":"w"}}`,
			action{Name: chat.SendMessage, Content: "hi", Attributes: map[string]string{"K": "v", "k": "w"}},
		},
		"empty attributes are not missing ones": {
			`{"Action":"SEND_MESSAGE","Content":"hi","Attributes":{}}`,
			action{Name: chat.SendMessage, Content: "hi", Attributes: map[string]string{}},
		},
		"null is absent": {
			`{"Action":"DISCONNECT_USER","UserId":"u","Reason":null,"Attributes":null,"RequestId":null}`,
			action{Name: chat.DisconnectUser, UserID: "u"},
		},
		"keys in any case": {
			`{"action":"DELETE_MESSAGE","ID":"AAAAAAAAAAAA","reason":"r","requestid":"q"}`,
			action{Name: chat.DeleteMessage, ID: "AAAAAAAAAAAA", Reason: "r", RequestID: "q"},
		},
		"what it does not know it ignores": {
			`{"Action":"SEND_MESSAGE","Content":"hi","Foo":[{"a":1}],"Bar":null}`,
			action{Name: chat.SendMessage, Content: "hi"},
		},
		"escapes and white space": {
			" {\n\"Action\" : \"SEND_MESSAGE\" , \"Content\":\"\\u00e9\\ud83d\\ude00\" } ",
			action{Name: chat.SendMessage, Content: "é😀"},
		},
		"half a surrogate pair is a replacement character": {
			`{"Action":"SEND_MESSAGE","RequestId":"r\udc00","Content":"a\ud83d","Attributes":{"k\ud83d":"\ude00\ud83d\ude00"},"x\ud800":"\ud800"}`,
			action{Name: chat.SendMessage, RequestID: "r\ufffd", Content: "a\ufffd", Attributes: map[string]string{"k\ufffd": "\ufffd😀"}},
		},
		"half a surrogate pair in a user and a reason": {
			`{"Action":"DISCONNECT_USER","UserId":"\ud83d\ud83d\ude00","Reason":"\ude00b"}`,
			action{Name: chat.DisconnectUser, UserID: "\ufffd😀", Reason: "\ufffdb"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeAction([]byte(c.frame))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDecodeActionRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		frame, requestID, message string
	}{
		"no JSON":                        {`hello`, "", "one JSON object"},
		"nothing":                        {``, "", "one JSON object"},
		"an array":                       {`[]`, "", "one JSON object"},
		"a truncated object":             {`{"RequestId":"r","Action":`, "r", "not valid JSON"},
		"something behind the object":    {`{"RequestId":"r"} {}`, "r", "nothing may follow"},
		"no action":                      {`{"RequestId":"r"}`, "r", "Action"},
		"an unknown action":              {`{"RequestId":"r","Action":"SEND_EVENT"}`, "r", "SEND_MESSAGE, DELETE_MESSAGE, DISCONNECT_USER"},
		"an action in lower case":        {`{"RequestId":"r","Action":"send_message"}`, "r", "SEND_MESSAGE"},
		"content that is no string":      {`{"RequestId":"r","Action":"SEND_MESSAGE","Content":1}`, "r", "Content"},
		"a request id that is a number":  {`{"RequestId":1,"Action":"SEND_MESSAGE"}`, "", "RequestId"},
		"an attribute that is a number":  {`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"c","Attributes":{"a":1}}`, "r", "Attributes"},
		"an attribute that is null":      {`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"c","Attributes":{"a":null}}`, "r", "Attributes"},
		"attributes that are a list":     {`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"c","Attributes":[]}`, "r", "Attributes"},
		"a member twice":                 {`{"RequestId":"r","Action":"SEND_MESSAGE","Action":"SEND_MESSAGE"}`, "r", "twice"},
		"a member twice in other case":   {`{"RequestId":"r","Action":"SEND_MESSAGE","action":"SEND_MESSAGE"}`, "r", "twice"},
		"an attribute twice":             {`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"c","Attributes":{"a":"1","a":"2"}}`, "r", "twice"},
		"two attributes that are halves": {`{"RequestId":"r","Action":"SEND_MESSAGE","Content":"c","Attributes":{"\ud800":"1","\ud801":"2"}}`, "r", "twice"},
		"deep nesting":                   {`{"RequestId":"r","x":` + strings.Repeat("[", 20_000) + `}`, "r", "not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeAction([]byte(c.frame))
			e, ok := errors.AsType[*chat.Error](err)
			if !ok || e.Code != chat.Invalid {
				t.Fatalf("got %v, %v", got, err)
			}
			if !strings.Contains(e.Message, c.message) {
				t.Errorf("message %q does not say %q", e.Message, c.message)
			}
			if got.RequestID != c.requestID {
				t.Errorf("request id %q, want %q", got.RequestID, c.requestID)
			}
		})
	}
}

// FuzzDecodeAction tests that the decoder returns for any frame, and that encoding/json
// reads an accepted frame the same way.
func FuzzDecodeAction(f *testing.F) {
	f.Add([]byte(`{"Action":"SEND_MESSAGE","RequestId":"r","Content":"hi","Attributes":{"a":"b"}}`))
	f.Add([]byte(`{"action":"DELETE_MESSAGE","Id":"AAAAAAAAAAAA","Reason":null}`))
	f.Add([]byte(`{"ACTION":"DISCONNECT_USER","userid":"\ud83d\ude00"}`))
	f.Add([]byte(`{"Action":`))
	f.Add([]byte(`{"Action":"SEND_MESSAGE","Content":"\ud83d","Attributes":{"\ude00":"\ud83dx"}}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if !utf8.Valid(frame) {
			return // Not a text frame: package websocket answers with Close 1007.
		}
		got, err := decodeAction(frame)
		if err != nil {
			if chat.CodeOf(err) != chat.Invalid {
				t.Fatalf("%q: %v", frame, err)
			}
			return
		}
		var want struct{ Action, RequestID, Content, ID, UserID, Reason string }
		if err := json.Unmarshal(frame, &want); err != nil {
			t.Fatalf("%q was accepted: %v", frame, err)
		}
		if string(got.Name) != want.Action || got.Content != want.Content || got.ID != want.ID || got.RequestID != want.RequestID {
			t.Fatalf("%q: got %+v, want %+v", frame, got, want)
		}
	})
}

func BenchmarkDecodeAction(b *testing.B) {
	frame := []byte(`{"Action":"SEND_MESSAGE","RequestId":"request-1","Content":"hello, room","Attributes":{"color":"red"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeAction(frame); err != nil {
			b.Fatal(err)
		}
	}
}
