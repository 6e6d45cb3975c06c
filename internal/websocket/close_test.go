package websocket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"confab/internal/rfc6455"
)

// closedOnce returns a Handler.Closed that passes on the causes and fails when a
// connection is reported twice.
func closedOnce(t *testing.T) (closed func(*Conn, error), causes chan error) {
	causes = make(chan error, 100)
	seen := make(map[*Conn]bool)
	// With one connection per loop at a time the map needs no lock.
	return func(c *Conn, cause error) {
		if seen[c] {
			t.Error("Closed twice")
		}
		seen[c] = true
		causes <- cause
	}, causes
}

// awaitClosed waits for Handler.Closed with any cause.
func awaitClosed(t *testing.T, causes <-chan error) {
	t.Helper()
	if receive(t, causes, "Closed") == nil {
		t.Error("Closed without a cause")
	}
}

func TestClose(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		closed, causes := closedOnce(t)
		s := start(Options{Loops: 1, CloseTimeout: 500 * time.Millisecond}, handler{closed: closed})
		s.attached = make(chan *Conn, 1)

		t.Run("by the server, seen by another implementation", func(t *testing.T) {
			peer := s.dial(t)
			c := receive(t, s.attached, "the connection")
			s.group.Deliver([]byte("last words"))
			c.Close(4001, "begone")
			c.Send([]byte("too late"))
			c.Close(4002, "again")
			if _, p, err := peer.Read(t.Context()); err != nil || string(p) != "last words" {
				t.Fatalf("read %q, %v", p, err)
			}
			_, _, err := peer.Read(t.Context())
			var e websocket.CloseError
			if !errors.As(err, &e) || e.Code != 4001 || e.Reason != "begone" {
				t.Errorf("peer saw %v, want 4001 begone", err)
			}
			if cause := receive(t, causes, "Closed"); !errors.Is(cause, ErrClosed) {
				t.Errorf("Closed with %v", cause)
			}
			if n := s.group.size(); n != 0 {
				t.Errorf("the group has %d members", n)
			}
			eventually(t, "the socket to be released", func() bool { return s.Len() == 0 })
		})

		t.Run("by the peer", func(t *testing.T) {
			peer := s.dial(t)
			receive(t, s.attached, "the connection")
			if err := peer.Close(websocket.StatusGoingAway, "bye"); err != nil {
				t.Errorf("close: %v", err)
			}
			var e *CloseError
			if cause := receive(t, causes, "Closed"); !errors.As(cause, &e) || e.Code != 1001 || e.Reason != "bye" {
				t.Errorf("Closed with %v", cause)
			}
			eventually(t, "the socket to be released", func() bool { return s.Len() == 0 })
		})

		t.Run("by the peer without a status", func(t *testing.T) {
			peer := s.dialRaw(t)
			receive(t, s.attached, "the connection")
			peer.write(t, clientFrame(fin|byte(rfc6455.Close), "")...)
			var e *CloseError
			if cause := receive(t, causes, "Closed"); !errors.As(cause, &e) || e.Code != rfc6455.StatusNoStatus {
				t.Errorf("Closed with %v", cause)
			}
		})

		t.Run("by the peer, without a Close frame", func(t *testing.T) {
			peer := s.dialRaw(t)
			receive(t, s.attached, "the connection")
			peer.Close()
			if cause := receive(t, causes, "Closed"); !errors.Is(cause, io.EOF) {
				t.Errorf("Closed with %v", cause)
			}
		})

		t.Run("does not become a reset while the peer still writes", func(t *testing.T) {
			peer := s.dialRaw(t)
			c := receive(t, s.attached, "the connection")
			stop := make(chan struct{})
			writing := make(chan error, 1)
			go func() {
				for {
					select {
					case <-stop:
						writing <- nil
						return
					default:
						if _, err := peer.Write(clientFrame(fin|byte(rfc6455.Text), strings.Repeat("x", 1000))); err != nil {
							writing <- err
							return
						}
					}
				}
			}()
			c.Close(1000, "kicked")
			awaitClosed(t, causes)
			op, p, err := peer.frame()
			if err != nil || op != rfc6455.Close || string(p) != "\x03\xe8kicked" {
				t.Fatalf("read %d %q, %v", op, p, err)
			}
			if _, _, err := peer.frame(); !errors.Is(err, io.EOF) {
				t.Errorf("behind the Close frame: %v, want EOF", err)
			}
			close(stop)
			if err := receive(t, writing, "the writer"); err != nil {
				t.Errorf("write: %v, want no reset", err)
			}
			peer.Close()
			eventually(t, "the socket to be released", func() bool { return s.Len() == 0 })
		})

		t.Run("gives up a peer that does not close", func(t *testing.T) {
			peer := s.dialRaw(t)
			c := receive(t, s.attached, "the connection")
			c.Close(1000, "")
			awaitClosed(t, causes)
			begin := time.Now()
			eventually(t, "the socket to be released", func() bool { return s.Len() == 0 })
			if d := time.Since(begin); d < 400*time.Millisecond {
				t.Errorf("released after %v, want about CloseTimeout", d)
			}
			peer.Close()
		})

		t.Run("Finish ends without a Close frame, behind what is queued", func(t *testing.T) {
			peer := s.dialRaw(t)
			c := receive(t, s.attached, "the connection")
			s.group.Deliver([]byte("one"))
			c.Send([]byte("two"))
			c.Finish()
			s.group.Deliver([]byte("three"))
			for _, want := range []string{"one", "two"} {
				if _, p, err := peer.frame(); err != nil || string(p) != want {
					t.Fatalf("read %q, %v; want %q", p, err, want)
				}
			}
			if _, _, err := peer.frame(); !errors.Is(err, io.EOF) {
				t.Errorf("at the end: %v, want EOF", err)
			}
			if cause := receive(t, causes, "Closed"); !errors.Is(cause, ErrFinished) {
				t.Errorf("Closed with %v", cause)
			}
		})

		t.Run("an error of the socket ends it at once", func(t *testing.T) {
			peer := s.dialRaw(t)
			c := receive(t, s.attached, "the connection")
			c.drop()
			if _, _, err := peer.frame(); err == nil {
				t.Error("read a frame")
			}
			if cause := receive(t, causes, "Closed"); !errors.Is(cause, errDropped) {
				t.Errorf("Closed with %v", cause)
			}
			// None of these calls has an effect now.
			c.drop()
			c.Finish()
			c.Close(1000, "")
			c.Send(nil)
			c.Pause()
			c.Resume()
			c.setDeadline(time.Now())
			peer2 := s.dialRaw(t)
			receive(t, s.attached, "the connection")
			peer2.Close()
			awaitClosed(t, causes)
		})
	})
}

// A Close frame that answers a violation or the peer's Close frame comes after what
// was delivered to the group before it, with or without a window, even if the peer is
// far behind.
func TestCloseStandsBehindDeliveredFrames(t *testing.T) {
	answers := map[string]struct {
		input []byte
		code  uint16
	}{
		"a violation":          {clientFrame(fin|0x3, "reserved"), rfc6455.StatusProtocolError},
		"text that is no text": {clientFrame(fin|byte(rfc6455.Text), "\xff"), rfc6455.StatusInvalidData},
		"a message too large":  {clientFrame(fin|byte(rfc6455.Text), strings.Repeat("x", 2000)), rfc6455.StatusTooBig},
		"a Close frame":        {clientFrame(fin|byte(rfc6455.Close), "\x03\xe9"), 1001},
	}
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		for name, a := range answers {
			for window, behind := range map[time.Duration]int{0: 0, time.Hour: 0, time.Minute: 256 << 10} {
				t.Run(fmt.Sprintf("%s, window %v, %d bytes behind", name, window, behind), func(t *testing.T) {
					group := make(chan *Group, 1)
					var count atomic.Int64
					next := func() []byte { return numbered(int(count.Add(1) - 1)) }
					s := start(Options{Loops: 1, MaxMessage: 1000, MaxPending: 64 << 20, DeliveryWindow: window, CloseTimeout: 10 * time.Second},
						handler{message: func(*Conn, rfc6455.Opcode, []byte) {
							// On the loop, nothing is written before the rest of the input is read.
							g := <-group
							for range 3 {
								g.Deliver(next())
							}
							group <- g
						}})
					s.attached = make(chan *Conn, 1)
					peer := s.dialRaw(t)
					c := receive(t, s.attached, "the connection")
					for s.pendingBytes() < int64(behind) {
						for range 100 {
							c.Send(next()) // It waits for no window.
						}
						wait(time.Millisecond)
					}
					group <- s.group
					peer.writeTogether(t, text("deliver"), a.input)
					n := 0
					for ; ; n++ {
						op, p, err := peer.frame()
						if err != nil {
							t.Fatal(err)
						}
						if op == rfc6455.Close {
							if code := binary.BigEndian.Uint16(p); code != a.code {
								t.Errorf("Close %d, want %d", code, a.code)
							}
							break
						}
						if number(t, p) != n {
							t.Fatalf("got %.20q, want %d", p, n)
						}
					}
					if want := int(count.Load()); n != want {
						t.Errorf("%d frames came before the Close frame, want %d", n, want)
					}
					peer.Close()
				})
			}
		}
	})
}

func TestServerClose(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		var closed atomic.Int64
		s := start(Options{}, handler{closed: func(_ *Conn, cause error) {
			if !errors.Is(cause, ErrServerClosed) {
				t.Errorf("Closed with %v", cause)
			}
			closed.Add(1)
		}})
		var peers []*rawConn
		for range 20 {
			peers = append(peers, s.dialRaw(t))
		}
		s.stop()
		if n := closed.Load(); n != 20 {
			t.Errorf("%d calls of Closed, want 20", n)
		}
		if n := s.Len() + s.group.size(); n != 0 {
			t.Errorf("%d connections and members are left", n)
		}
		for _, p := range peers {
			if _, _, err := p.frame(); err == nil {
				t.Error("read a frame")
			}
		}
		ours, theirs := net.Pipe()
		if _, err := s.Attach(Attachment{Conn: ours, Group: s.group}); !errors.Is(err, ErrServerClosed) {
			t.Errorf("Attach: %v", err)
		}
		if _, err := theirs.Read(make([]byte, 1)); err == nil {
			t.Error("Attach has not closed the connection that it refused")
		}
		s.stop()
	})
}
