package websocket

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/rfc6455"
)

func TestPause(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		var got []byte
		handled := make(chan byte, 100)
		s := start(Options{}, handler{message: func(c *Conn, _ rfc6455.Opcode, p []byte) {
			got = append(got, p...)
			// Pause takes effect here, although more messages have been read.
			c.Pause()
			handled <- p[0]
		}})
		s.attached = make(chan *Conn, 1)
		input := bytes.Join([][]byte{text("0"), text("1"), ping("p"), text("2"), piece(rfc6455.Text, "3"), rest("!"), text("4")}, nil)
		peer := s.dialRaw(t, input[:20]...)
		c := receive(t, s.attached, "the connection")
		peer.write(t, input[20:]...)
		for i := range byte(5) {
			if b := receive(t, handled, "a message"); b != '0'+i {
				t.Fatalf("message %c, want %c", b, '0'+i)
			}
			select {
			case b := <-handled:
				t.Fatalf("message %c while paused", b)
			case <-time.After(20 * time.Millisecond):
			}
			if i == 2 {
				// The ping was sent before the message.
				if op, _, err := peer.frame(); err != nil || op != rfc6455.Pong {
					t.Fatalf("read %d, %v; want a pong", op, err)
				}
			}
			c.Resume()
		}
		c.Pause()
		if s := string(got); s != "0123!4" {
			t.Errorf("messages %q", s)
		}
		// A paused connection can be closed, whatever the peer does.
		peer.write(t, text("5")...)
		c.Close(1000, "")
		if op, _, err := peer.frame(); err != nil || op != rfc6455.Close {
			t.Fatalf("read %d, %v; want a Close frame", op, err)
		}
		if _, _, err := peer.frame(); !errors.Is(err, io.EOF) {
			t.Errorf("behind it: %v, want EOF", err)
		}
		peer.Close()
		eventually(t, "the socket to be released", func() bool { return s.Len() == 0 })
	})
}

// Input that was taken from the socket already is read when a connection resumes, even
// if no more input follows: with TLS, records may be buffered.
func TestPauseAmongRecords(t *testing.T) {
	const messages = 12
	var pieces [][]byte
	for i := range messages {
		pieces = append(pieces, text(string(rune('a'+i))))
	}
	check := func(t *testing.T, peer *rawConn, handled <-chan string, next func()) {
		t.Helper()
		peer.writeTogether(t, pieces...)
		for i := range messages {
			if got := receive(t, handled, "a message"); got != string(rune('a'+i)) {
				t.Fatalf("message %q, want %q", got, rune('a'+i))
			}
			next()
		}
	}
	t.Run("Pause", func(t *testing.T) {
		eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
			handled := make(chan string, messages)
			s := start(Options{}, handler{message: func(c *Conn, _ rfc6455.Opcode, p []byte) {
				c.Pause()
				handled <- string(p)
			}})
			s.attached = make(chan *Conn, 1)
			peer := s.dialRaw(t)
			c := receive(t, s.attached, "the connection")
			check(t, peer, handled, func() {
				// The loop is busy with something else now.
				turned := make(chan struct{})
				c.loop.post(func() { close(turned) })
				receive(t, turned, "a round of the loop")
				c.Resume()
			})
		})
	})
	t.Run("InputRate", func(t *testing.T) {
		eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
			handled := make(chan string, messages)
			// The burst is the input of a fifth of a second, four messages.
			s := start(Options{InputRate: 20}, handler{message: func(_ *Conn, _ rfc6455.Opcode, p []byte) { handled <- string(p) }})
			check(t, s.dialRaw(t), handled, func() {})
		})
	})
}

// A paused connection takes no more input than is in flight.
func TestPauseIsBackPressure(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		var count atomic.Int64
		s := start(Options{}, handler{message: func(c *Conn, _ rfc6455.Opcode, _ []byte) {
			count.Add(1)
			c.Pause()
		}})
		s.attached = make(chan *Conn, 1)
		peer := s.dialRaw(t)
		c := receive(t, s.attached, "the connection")
		// Write until the buffers of both sides are full.
		frame := text(strings.Repeat("x", 30<<10))
		sent := 0
		for {
			if err := peer.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			n, err := peer.Write(frame)
			sent += n
			if err != nil {
				break
			}
			if sent > 64<<20 {
				t.Fatal("the server takes everything")
			}
		}
		if n := count.Load(); n != 1 {
			t.Fatalf("%d messages while paused", n)
		}
		whole := int64(sent / len(frame))
		for count.Load() < whole {
			c.Resume()
		}
		peer.Close()
		eventually(t, "the end", func() bool {
			c.Resume()
			return s.Len() == 0
		})
	})
}

// A connection whose peer vanishes during a pause is released and uses no processor
// time.
func TestPausedPeerVanishes(t *testing.T) {
	causes := make(chan error, 1)
	s := startServer(t, Options{}, handler{closed: func(_ *Conn, cause error) { causes <- cause }}, openRing)
	s.attached = make(chan *Conn, 1)
	peer := s.dialRaw(t)
	c := receive(t, s.attached, "the connection")
	c.Pause()
	peer.write(t, text("unread")...)
	if err := peer.tcp.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	wait(20 * time.Millisecond)
	peer.Close()
	if runsEpoll {
		awaitClosed(t, causes)
		return
	}
	c.Resume()
	awaitClosed(t, causes)
}
