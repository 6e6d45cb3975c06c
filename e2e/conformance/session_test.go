package conformance

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The cases of this file wait for a session's shortest life, one minute, or
// for missed pings. They run beside everything else.
func TestSession(t *testing.T) {
	t.Parallel()
	check(t, "ends with ERROR 401 and Close 1000 when its time is up", func(t *testing.T) {
		room := newRoom(t, nil)
		o := subject.tokenAnswer(t, room, m{"sessionDurationInMinutes": 1})
		end := instant(t, o, "sessionExpirationTime")
		s := subject.connect(t, text(t, o, "token"))
		stays := join(t, room, "stays")
		sendEvent(t, room, "before")
		s.nextEvent(t, "before")
		stays.nextEvent(t, "before")

		wait := time.Until(end)
		select {
		case f := <-s.frames:
			t.Fatalf("frame %s before the end", f.raw)
		case <-s.ended:
			t.Fatalf("ended %s early: %v", time.Until(end), s.err)
		case <-time.After(wait - time.Second):
		}
		f := s.nextError(t, 401)
		f.wantForm(t)
		if f.RequestID != "" {
			t.Errorf("RequestId %q", f.RequestID)
		}
		if late := time.Since(end); late < -500*time.Millisecond || late > 3*time.Second {
			t.Errorf("the session ended %s after its time", late)
		}
		s.wantClosed(t, 1000)
		s.wantReason(t, `{"Type":"ERROR","ErrorCode":401,"ErrorMessage":"Session has expired"}`)
		stays.wantQuiet(t, room)
	})
	check(t, "ends without a Close while the user has another connection", func(t *testing.T) {
		room := newRoom(t, nil)
		first := subject.join(t, room, m{"userId": "u", "sessionDurationInMinutes": 1})
		second := subject.join(t, room, m{"userId": "u", "sessionDurationInMinutes": 10})
		other := subject.join(t, room, m{"userId": "other", "sessionDurationInMinutes": 1})
		<-first.ended
		first.nextError(t, 401)
		first.wantDropped(t)
		<-other.ended
		other.nextError(t, 401)
		other.wantClosed(t, 1000)
		second.wantQuiet(t, room)
	})
	check(t, "is counted from the token, not from the connection", func(t *testing.T) {
		room := newRoom(t, nil)
		o := subject.tokenAnswer(t, room, m{"sessionDurationInMinutes": 1})
		end := instant(t, o, "sessionExpirationTime")
		<-time.After(time.Until(end.Add(-5 * time.Second))) // A client that connects late.
		s := subject.connect(t, text(t, o, "token"))
		s.nextError(t, 401)
		if late := time.Since(end); late < -500*time.Millisecond || late > 3*time.Second {
			t.Errorf("the session ended %s after its time", late)
		}
		s.wantClosed(t, 1000)
	})
	check(t, "a token whose session is over is refused", func(t *testing.T) {
		room := newRoom(t, nil)
		o := subject.tokenAnswer(t, room, m{"sessionDurationInMinutes": 1})
		<-time.After(time.Until(instant(t, o, "tokenExpirationTime").Add(time.Second)))
		subject.wantRefused(t, text(t, o, "token"), http.StatusUnauthorized)
	})
	check(t, "a silent viewer is pinged and stays", func(t *testing.T) {
		room := newRoom(t, nil)
		conn := subject.raw(t, room)
		if err := conn.SetDeadline(time.Now().Add(70 * time.Second)); err != nil {
			t.Fatal(err)
		}
		ping := conn.next(t, opPing)
		conn.send(t, rawFrame{last: true, op: opPong, payload: ping.payload})
		sendEvent(t, room, "after")
		conn.next(t, opText)
	})
	check(t, "who answers no ping is dropped without a Close", func(t *testing.T) {
		conn := subject.raw(t, newRoom(t, nil))
		start := time.Now()
		if err := conn.SetDeadline(start.Add(150 * time.Second)); err != nil {
			t.Fatal(err)
		}
		pings := 0
		for {
			f, err := conn.receive()
			if err != nil {
				if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
					t.Errorf("still connected after %s and %d pings", time.Since(start), pings)
				}
				break
			}
			if f.op != opPing {
				t.Fatalf("opcode %d %q, want pings and then the end", f.op, f.payload)
			}
			pings++
		}
		if pings < 2 {
			t.Errorf("dropped after %d pings, want two that are missed", pings)
		}
	})
}

func TestSlowReceiver(t *testing.T) {
	t.Parallel()
	check(t, "a client that does not read is dropped without a Close and delays no other", func(t *testing.T) {
		subject.slowReceiver(t)
	})
}

// slowReceiver connects a client that does not read, delivers more than any
// socket's buffers hold, and expects the connection to be dropped.
func (e *endpoint) slowReceiver(t *testing.T) {
	t.Helper()
	room := e.newRoom(t, nil)
	reader := e.join(t, room, m{"userId": "reader"})
	slow := e.joinUnread(t, room)
	// The reader stays within what a connection may owe, also on a busy machine.
	const events, atOnce = 2000, 10
	for range events / atOnce {
		for range atOnce {
			e.call(t, "SendEvent", largeEvent(room)).want(t, http.StatusOK)
		}
		for range atOnce {
			reader.nextEvent(t, "e")
		}
	}
	if err := slow.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for got := 0; ; got++ {
		f, err := slow.conn.receive()
		if err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Errorf("still connected, with %d of %d events", got, events)
			} else if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("ended by %v", err)
			}
			return
		}
		if f.op == opClose {
			t.Fatal("a Close frame: an official client would not come back")
		}
	}
}

// joinUnread connects a client with a small buffer that reads nothing after its handshake.
func (e *endpoint) joinUnread(t *testing.T, room resource) *handshake {
	t.Helper()
	conn := e.dialTCP(t, &net.Dialer{Timeout: patience, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		control := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		})
		return errors.Join(control, err)
	}})
	h := newHandshake(e.newToken(t, room, nil))
	if res := handshakeOn(t, conn, h); res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake refused with %d", res.StatusCode)
	}
	return h
}

// largeEvent is the input of SendEvent for an event whose frame has some 6 KB.
func largeEvent(room resource) m {
	return m{"roomIdentifier": room.arn, "eventName": "e", "attributes": m{"k": strings.Repeat("\x01", 1023)}}
}
