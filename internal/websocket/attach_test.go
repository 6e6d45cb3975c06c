package websocket

import (
	"encoding/binary"
	"testing"
	"time"
)

// The response comes first, then what was delivered since Attach, and what came
// with the handshake is input.
func TestAttachOrder(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		// So much that no peer is too slow.
		s := start(Options{MaxPending: 64 << 20}, handler{message: func(c *Conn, _ Opcode, p []byte) {
			if c.Value() != "value" {
				t.Errorf("Value = %v", c.Value())
			}
			c.Send(p)
		}})
		s.prepare = func(a *Attachment) {
			a.Value = "value"
			a.Group.Deliver([]byte("before"))
		}
		stop := make(chan struct{})
		delivering := make(chan struct{})
		defer func() {
			close(stop)
			<-delivering
		}()
		go func() {
			defer close(delivering)
			var n uint64
			for {
				select {
				case <-stop:
					return
				default:
					s.group.Deliver(binary.BigEndian.AppendUint64(nil, n))
					n++
				}
			}
		}()
		for range 100 {
			// Frames for the group arrive all the time: dialRaw fails if there is
			// anything before the 101.
			peer := s.dialRaw(t, text("early")...)
			last, seen := uint64(0), 0
			for got := ""; got != "early"; {
				_, p, err := peer.frame()
				if err != nil {
					t.Fatal(err)
				}
				if got = string(p); got == "before" {
					continue // of the next connection
				}
				if got != "early" {
					n := binary.BigEndian.Uint64(p)
					if seen > 0 && n != last+1 {
						t.Fatalf("frame %d behind %d", n, last)
					}
					last = n
					seen++
				}
			}
			peer.Close()
		}
	})
}

// What is delivered after Attach has returned arrives, what was delivered before
// it was called does not, window or not.
func TestAttachIsTheBorder(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		s := start(Options{DeliveryWindow: 30 * time.Millisecond}, handler{})
		s.attached = make(chan *Conn, 1)
		for range 20 {
			first := s.dialRaw(t)
			receive(t, s.attached, "the first")
			s.group.Deliver([]byte("1"))
			s.group.Deliver([]byte("2"))
			second := s.dialRaw(t)
			receive(t, s.attached, "the second")
			s.group.Deliver([]byte("3"))
			for _, want := range []string{"1", "2", "3"} {
				if _, p, err := first.frame(); err != nil || string(p) != want {
					t.Fatalf("the first got %q, %v; want %s", p, err, want)
				}
			}
			if _, p, err := second.frame(); err != nil || string(p) != "3" {
				t.Fatalf("the second got %q, %v; want 3", p, err)
			}
			first.Close()
			second.Close()
			eventually(t, "both to leave", func() bool { return s.group.Len() == 0 })
		}
	})
}
