package conformance

import (
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	long := letters(1024)
	for _, c := range []struct {
		name, request string
		code          int
		requestID     string
	}{
		{"not JSON", `hello`, 400, ""},
		{"an empty text", ``, 400, ""},
		{"an open object", `{"Action":"SEND_MESSAGE","Content":"x"`, 400, ""},
		{"two objects", `{"Action":"SEND_MESSAGE","Content":"x"} {}`, 400, ""},
		{"a list", `[]`, 400, ""},
		{"a string", `"SEND_MESSAGE"`, 400, ""},
		{"null", `null`, 400, ""},
		{"no action", `{"RequestId":"r","Content":"x"}`, 400, "r"},
		{"an unknown action", `{"Action":"SHOUT","RequestId":"r","Content":"x"}`, 400, "r"},
		{"an empty action", `{"Action":"","RequestId":"r"}`, 400, "r"},
		{"an action that is a number", `{"Action":1,"RequestId":"r"}`, 400, "r"},
		{"an action of the HTTP API", `{"Action":"SEND_EVENT","RequestId":"r","EventName":"x"}`, 400, "r"},
		{"a request id that is a number", `{"Action":"SEND_MESSAGE","RequestId":7,"Content":"x"}`, 400, ""},
		{"no content", `{"Action":"SEND_MESSAGE","RequestId":"r"}`, 400, "r"},
		{"content null", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":null}`, 400, "r"},
		{"empty content", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":""}`, 400, "r"},
		{"content of spaces", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"   "}`, 400, "r"},
		{"content of zero-width spaces", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"\u200b\ufeff"}`, 400, "r"},
		{"content of fillers and blanks", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"\u3164\u2800\u00ad\ufe0f\udb40\udc01"}`, 400, "r"},
		{"content of white space", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":" \t\n\r\u00a0\u2003"}`, 400, "r"},
		{"content that is a number", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":5}`, 400, "r"},
		{"content that is an object", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":{}}`, 400, "r"},
		{"attributes that are a list", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":[]}`, 400, "r"},
		{"attributes that are a string", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":"a"}`, 400, "r"},
		{"an attribute that is a number", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":{"a":1}}`, 400, "r"},
		{"an attribute that is an object", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":{"a":{}}}`, 400, "r"},
		{"an attribute that is a boolean", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":{"a":true}}`, 400, "r"},
		{"attributes of 1025 bytes", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":{"k":"` + long + `"}}`, 413, "r"},
		{"attributes of 1025 bytes in two", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":{"kk":"` + long[:512] + `","l":"` + long[:510] + `"}}`, 413, "r"},
		{"attributes of 1026 bytes beyond ASCII", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":{"kk":"` + strings.Repeat("ü", 512) + `"}}`, 413, "r"},
		{"a request id of 257 bytes", `{"Action":"SEND_MESSAGE","RequestId":"` + long[:257] + `","Content":"x"}`, 413, "?"},
		{"a deletion without an id", `{"Action":"DELETE_MESSAGE","RequestId":"r"}`, 400, "r"},
		{"a deletion of null", `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":null}`, 400, "r"},
		{"a deletion of an empty id", `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":""}`, 400, "r"},
		{"a deletion of 11 characters", `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"AAAAAAAAAAA"}`, 400, "r"},
		{"a deletion of 13 characters", `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"AAAAAAAAAAAAA"}`, 400, "r"},
		{"a deletion of another sign", `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"AAAAAA-AAAAA"}`, 400, "r"},
		{"a deletion of a number", `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":1}`, 400, "r"},
		{"a deletion with a reason that is a number", `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"AAAAAAAAAAAA","Reason":1}`, 400, "r"},
		{"a disconnection without a user", `{"Action":"DISCONNECT_USER","RequestId":"r"}`, 400, "r"},
		{"a disconnection of null", `{"Action":"DISCONNECT_USER","RequestId":"r","UserId":null}`, 400, "r"},
		{"a disconnection of an empty user", `{"Action":"DISCONNECT_USER","RequestId":"r","UserId":""}`, 400, "r"},
		{"a disconnection of a number", `{"Action":"DISCONNECT_USER","RequestId":"r","UserId":1}`, 400, "r"},
	} {
		check(t, c.name, func(t *testing.T) {
			room := newRoom(t, nil)
			viewer := join(t, room, "viewer")
			s := join(t, room, "u", all...)
			s.write(t, c.request)
			f := s.nextError(t, c.code)
			f.wantForm(t)
			if c.requestID != "?" && f.RequestID != c.requestID {
				t.Errorf("RequestId %q, want %q", f.RequestID, c.requestID)
			}
			// The connection stays open, and no other client got anything.
			s.say(t, "still here")
			s.nextMessage(t, "still here")
			viewer.nextMessage(t, "still here")
		})
	}
	for _, c := range []struct{ name, request string }{
		{"attributes of 1024 bytes", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":{"k":"` + long[:1023] + `"}}`},
		{"a request id of 256 bytes", `{"Action":"SEND_MESSAGE","RequestId":"` + long[:256] + `","Content":"x"}`},
		{"attributes of 1024 bytes that are escaped", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x","Attributes":{"k":"` + strings.Repeat(`\u0001`, 1023) + `"}}`},
		{"500 escaped astral characters with 1 KB of escaped attributes", `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"x` + strings.Repeat(`\ud83d\ude00`, 499) + `","Attributes":{"k":"` + strings.Repeat(`\u0001`, 1023) + `"}}`},
	} {
		check(t, c.name+" are accepted", func(t *testing.T) {
			s := join(t, newRoom(t, nil), "u", all...)
			s.write(t, c.request)
			if f := s.next(t); f.Type != "MESSAGE" {
				t.Errorf("frame %s, want a MESSAGE", f.raw)
			}
		})
	}
	for name, request := range map[string]string{
		"a reason of 257 characters":         `{"Action":"DELETE_MESSAGE","RequestId":"r","Id":"AAAAAAAAAAAA","Reason":"` + letters(257) + `"}`,
		"a user id of 129 characters":        `{"Action":"DISCONNECT_USER","RequestId":"r","UserId":"` + letters(129) + `"}`,
		"a disconnection with a long reason": `{"Action":"DISCONNECT_USER","RequestId":"r","UserId":"x","Reason":"` + letters(257) + `"}`,
	} {
		check(t, name+" is refused", func(t *testing.T) {
			s := join(t, newRoom(t, nil), "u", all...)
			s.write(t, request)
			if f := s.next(t); f.Type != "ERROR" || (f.ErrorCode != 400 && f.ErrorCode != 413) || f.RequestID != "r" {
				t.Errorf("frame %s, want ERROR 400 or 413", f.raw)
			}
		})
	}
	check(t, "ids of errors are fresh", func(t *testing.T) {
		s := join(t, newRoom(t, nil), "u", all...)
		s.write(t, `{}`)
		s.write(t, `{}`)
		if a, b := s.nextError(t, 400), s.nextError(t, 400); a.ID == b.ID {
			t.Errorf("two errors with the id %s", a.ID)
		}
	})
	check(t, "half a surrogate pair is read as a replacement character", func(t *testing.T) {
		s := join(t, newRoom(t, nil), "u", all...)
		s.write(t, `{"Action":"SEND_MESSAGE","RequestId":"r\ud800","Content":"a\ud83d","Attributes":{"k\ude00":"\ud83dv"}}`)
		f := s.next(t)
		if f.Type != "MESSAGE" || f.Content != "a\ufffd" || f.RequestID != "r\ufffd" || f.Attributes["k\ufffd"] != "\ufffdv" {
			t.Errorf("frame %s", f.raw)
		}
		s.write(t, `{"Action":"DISCONNECT_USER","UserId":"nobody\ud83d","Reason":"cut \ud83d"}`)
		if f := s.next(t); f.Type != "EVENT" || f.Attributes["UserId"] != "nobody\ufffd" || f.Attributes["Reason"] != "cut \ufffd" {
			t.Errorf("frame %s", f.raw)
		}
	})
	check(t, "a binary message is not obeyed", func(t *testing.T) {
		room := newRoom(t, nil)
		viewer := join(t, room, "viewer")
		c := subject.raw(t, room)
		c.send(t, rawFrame{last: true, op: opBinary, payload: []byte(`{"Action":"SEND_MESSAGE","Content":"x"}`)})
		f, err := c.receive()
		if err != nil {
			t.Fatal(err)
		}
		if f.op != opClose && !strings.Contains(string(f.payload), `"ErrorCode":400`) {
			t.Errorf("opcode %d %q, want ERROR 400 or Close 1003", f.op, f.payload)
		}
		viewer.wantQuiet(t, room)
	})
}
