package conformance

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// A server fails the connection when a client breaks RFC 6455; the section of
// each rule stands beside it.
func TestRFC6455(t *testing.T) {
	t.Parallel()
	send := `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"fragmented"}`
	part := func(last bool, op byte, s string) rawFrame { return rawFrame{last: last, op: op, payload: []byte(s)} }

	for _, c := range []struct {
		name   string
		frames []rawFrame
		status []uint16
	}{
		{"a frame without a mask", []rawFrame{{last: true, op: opText, payload: []byte("{}"), unmasked: true}}, []uint16{1002}}, // 5.1
		{"the first reserved bit", []rawFrame{{last: true, rsv: 4, op: opText, payload: []byte("{}")}}, []uint16{1002}},         // 5.2
		{"the second reserved bit", []rawFrame{{last: true, rsv: 2, op: opText, payload: []byte("{}")}}, []uint16{1002}},
		{"the third reserved bit", []rawFrame{{last: true, rsv: 1, op: opText, payload: []byte("{}")}}, []uint16{1002}},
		{"a reserved data opcode", []rawFrame{{last: true, op: 3}}, []uint16{1002}},
		{"a reserved control opcode", []rawFrame{{last: true, op: 11}}, []uint16{1002}},
		{"a continuation of nothing", []rawFrame{part(true, opContinuation, "x")}, []uint16{1002}}, // 5.4
		{"a new message inside a message", []rawFrame{part(false, opText, "{"), part(true, opText, "}")}, []uint16{1002}},
		{"a fragmented ping", []rawFrame{part(false, opPing, "x")}, []uint16{1002}}, // 5.5
		{"a ping of 126 bytes", []rawFrame{part(true, opPing, letters(126))}, []uint16{1002}},
		{"a Close with one byte", []rawFrame{part(true, opClose, "x")}, []uint16{1002}},           // 5.5.1
		{"a Close with status 1005", []rawFrame{part(true, opClose, "\x03\xed")}, []uint16{1002}}, // 7.4.1
		{"a Close with status 1006", []rawFrame{part(true, opClose, "\x03\xee")}, []uint16{1002}},
		{"a Close with status 999", []rawFrame{part(true, opClose, "\x03\xe7")}, []uint16{1002}},
		{"a Close with status 1004", []rawFrame{part(true, opClose, "\x03\xec")}, []uint16{1002}},
		{"a Close with status 5000", []rawFrame{part(true, opClose, "\x13\x88")}, []uint16{1002}},
		{"a Close with a reason that is no UTF-8", []rawFrame{part(true, opClose, "\x03\xe8\xff")}, []uint16{1007, 1002}},
		{"text that is no UTF-8", []rawFrame{textFrame("{\"Action\":\"\xff\"}")}, []uint16{1007}}, // 8.1
		{"text with half a surrogate pair", []rawFrame{textFrame("\xed\xa0\x80")}, []uint16{1007}},
		{"text that is cut inside a character", []rawFrame{textFrame("\xf0\x9f\x98")}, []uint16{1007}},
		{"fragments that are no UTF-8 together", []rawFrame{part(false, opText, "\xf0\x9f"), part(true, opContinuation, "x")}, []uint16{1007}},
		{"a length with its highest bit set", []rawFrame{{last: true, op: opText, length: 1 << 63}}, []uint16{1002, 1009}}, // 5.2
		{"a length of a gigabyte", []rawFrame{{last: true, op: opText, length: 1 << 30}}, []uint16{1009}},
		{"a message of 32 KiB and one byte", []rawFrame{textFrame(`{"X":"` + letters(32<<10+1-8) + `"}`)}, []uint16{1009}},
		{"fragments of more than 32 KiB together", []rawFrame{part(false, opText, letters(30<<10)), part(true, opContinuation, letters(3<<10))}, []uint16{1009}},
	} {
		check(t, fmt.Sprintf("%s is closed with %d", c.name, c.status[0]), func(t *testing.T) {
			room := newRoom(t, nil)
			viewer := join(t, room, "viewer")
			conn := subject.raw(t, room)
			conn.send(t, c.frames...)
			conn.wantClose(t, c.status...)
			viewer.wantQuiet(t, room)
		})
	}
	for name, frames := range map[string][]rawFrame{
		"two fragments":         {part(false, opText, send[:20]), part(true, opContinuation, send[20:])},
		"fragments of one byte": split(send, 1),
		"empty fragments":       {part(false, opText, ""), part(false, opContinuation, send), part(true, opContinuation, "")},
		"one frame":             {textFrame(send)},
		"a character in halves": {part(false, opText, `{"Action":"SEND_MESSAGE","RequestId":"r","Content":"fragmented","X":"`+"\xf0\x9f"), part(true, opContinuation, "\x98\x80\"}")},
	} {
		check(t, "a message in "+name+" is read", func(t *testing.T) {
			conn := subject.raw(t, newRoom(t, nil))
			conn.send(t, frames...)
			if f := conn.next(t, opText); !strings.Contains(string(f.payload), `"Content":"fragmented"`) || !f.last {
				t.Errorf("frame %q", f.payload)
			}
		})
	}
	check(t, "a message of 32 KiB is read", func(t *testing.T) {
		conn := subject.raw(t, newRoom(t, nil))
		head, tail := `{"Action":"SEND_MESSAGE","Content":"big","X":"`, `"}`
		conn.send(t, textFrame(head+letters(32<<10-len(head)-len(tail))+tail))
		if f := conn.next(t, opText); !strings.Contains(string(f.payload), `"Content":"big"`) {
			t.Errorf("frame %q", f.payload)
		}
	})
	for name, payload := range map[string]string{"nothing": "", "text": "hello", "125 bytes": letters(125), "bytes that are no text": "\xff\x00"} {
		check(t, "a ping with "+name+" is answered", func(t *testing.T) {
			conn := subject.raw(t, newRoom(t, nil))
			conn.send(t, part(true, opPing, payload))
			if f := conn.next(t, opPong); string(f.payload) != payload {
				t.Errorf("pong %q, want %q", f.payload, payload)
			}
		})
	}
	check(t, "a ping between fragments is answered", func(t *testing.T) {
		conn := subject.raw(t, newRoom(t, nil))
		conn.send(t, part(false, opText, send[:9]), part(true, opPing, "now"), part(true, opContinuation, send[9:]))
		if f := conn.next(t, opPong); string(f.payload) != "now" {
			t.Errorf("pong %q", f.payload)
		}
		conn.next(t, opText)
	})
	check(t, "a pong without a ping is ignored", func(t *testing.T) {
		conn := subject.raw(t, newRoom(t, nil))
		conn.send(t, part(true, opPong, "unasked"), textFrame(send))
		conn.next(t, opText)
	})
	check(t, "many messages in one packet are all read", func(t *testing.T) {
		conn := subject.raw(t, newRoom(t, m{"maximumMessageRatePerSecond": 100}))
		conn.send(t, textFrame(send), textFrame(send), textFrame(send), textFrame(send), textFrame(send))
		for range 5 {
			conn.next(t, opText)
		}
	})
	check(t, "a message that comes byte by byte is read", func(t *testing.T) {
		conn := subject.raw(t, newRoom(t, nil))
		for _, b := range textFrame(send).bytes() {
			if _, err := conn.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		conn.next(t, opText)
	})
	for name, payload := range map[string]string{
		"1000": "\x03\xe8", "1001 and a reason": "\x03\xe9going away", "a status of an application": "\x0f\xa0", "no status": "",
	} {
		check(t, "a Close with "+name+" is answered alike", func(t *testing.T) {
			conn := subject.raw(t, newRoom(t, nil))
			conn.send(t, part(true, opClose, payload))
			f := conn.next(t, opClose)
			if len(payload) >= 2 && !bytes.HasPrefix(f.payload, []byte(payload[:2])) {
				t.Errorf("Close %q, want the status of %q", f.payload, payload)
			}
			conn.wantEnd(t)
		})
	}
	check(t, "a connection that breaks off affects no other", func(t *testing.T) {
		room := newRoom(t, nil)
		viewer := join(t, room, "viewer")
		conn := subject.raw(t, room)
		conn.send(t, part(false, opText, `{"Action":"SEND_`))
		conn.Close()
		viewer.wantQuiet(t, room)
	})
}

// split makes fragments of n bytes.
func split(s string, n int) []rawFrame {
	var frames []rawFrame
	for i := 0; i < len(s); i += n {
		f := rawFrame{op: opContinuation, payload: []byte(s[i:min(i+n, len(s))]), last: i+n >= len(s)}
		if i == 0 {
			f.op = opText
		}
		frames = append(frames, f)
	}
	return frames
}
