package websocket

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"confab/internal/rfc6455"
)

// The response is written first, then frames delivered since Attach. Bytes after the
// handshake are input.
func TestAttachOrder(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		// Large enough that no peer is too slow.
		s := start(Options{MaxPending: 64 << 20}, handler{message: func(c *Conn, _ rfc6455.Opcode, p []byte) {
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

// A new connection receives, after its 101, frames that its group has not written to
// all members yet, and then all later frames. It receives no frame that all members
// have.
func TestNewConnectionGetsTheOpenWindow(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		const window = 700 * time.Millisecond
		s := start(Options{Loops: 2, DeliveryWindow: window, PingInterval: -1}, handler{})
		s.attached = make(chan *Conn, 1)
		loops := map[*loop]bool{}
		var peers []*rawConn
		join := func() {
			peers = append(peers, s.dialRaw(t))
			loops[receive(t, s.attached, "the connection").loop] = true
		}
		read := func(want ...string) {
			t.Helper()
			for i, peer := range peers {
				for _, w := range want {
					if _, p, err := peer.frame(); err != nil || string(p) != w {
						t.Fatalf("connection %d got %q, %v; want %s", i, p, err, w)
					}
				}
			}
		}
		for range spreadAbove - 1 {
			join()
		}
		s.group.Deliver([]byte("written"))
		read("written")
		wait(2 * settleTime) // Needed only with goroutines.
		s.group.Deliver([]byte("1"))
		s.group.Deliver([]byte("2"))
		join() // On the same loop, which has room for one more.
		join() // On the other loop.
		s.group.Deliver([]byte("3"))
		read("1", "2", "3")
		if len(loops) != 2 {
			t.Errorf("%d loops serve the group", len(loops))
		}
	})
}

// No frame is lost when a second connection replaces the first after its 101, with
// any window and on any loops.
func TestReplacedConnectionLosesNothing(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		// A busy machine may take long to run the goroutine of a write.
		s := start(Options{Loops: 2, DeliveryWindow: 50 * time.Millisecond, slice: 10, settle: 10 * time.Second}, handler{})
		for range spreadAbove + 10 {
			go io.Copy(io.Discard, s.dialRaw(t)) //nolint:errcheck // Until the end.
		}
		stop, delivering := make(chan struct{}), make(chan struct{})
		defer func() {
			close(stop)
			<-delivering
		}()
		go func() {
			defer close(delivering)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for n := uint64(1); ; n++ {
				select {
				case <-stop:
					return
				case <-tick.C:
					s.group.Deliver(binary.BigEndian.AppendUint64(nil, n))
				}
			}
		}()
		old := s.dialRaw(t)
		for range 20 {
			next := s.dialRaw(t) // It has received its 101.
			// Only frames that have reached the client by now count.
			last := uint64(0)
			for _, p := range old.arrived(t) {
				last = binary.BigEndian.Uint64(p)
			}
			_, p, err := next.frame()
			if err != nil {
				t.Fatal(err)
			}
			if first := binary.BigEndian.Uint64(p); last != 0 && first > last+1 {
				t.Fatalf("the old connection had got %d, and the new one begins with %d", last, first)
			}
			old.Close()
			old = next
		}
	})
}

// With an overlap, a new connection receives frames that were written a moment ago,
// and no frames older than three overlaps.
func TestOverlap(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		const overlap = 500 * time.Millisecond
		s := start(Options{Overlap: overlap}, handler{})
		first := s.dialRaw(t)
		for _, n := range []string{"1", "2", "3"} {
			s.group.Deliver([]byte(n))
			if _, p, err := first.frame(); err != nil || string(p) != n {
				t.Fatalf("got %q, %v", p, err)
			}
		}
		second := s.dialRaw(t)
		for _, n := range []string{"1", "2", "3"} {
			if _, p, err := second.frame(); err != nil || string(p) != n {
				t.Fatalf("got %q, %v, want %s", p, err, n)
			}
		}
		wait(overlap + settleTime)
		s.group.Deliver([]byte("4"))
		third := s.dialRaw(t)
		if _, p, err := third.frame(); err != nil || string(p) != "4" {
			t.Fatalf("got %q, %v, want 4", p, err)
		}
	})
}

// A loop that is far behind does not make new connections start far back, where
// their pending output would exceed the limit.
func TestNewConnectionStartsNearTheEnd(t *testing.T) {
	s := startServer(t, Options{Loops: 1, DeliveryWindow: time.Hour, MaxPending: 16 << 10}, handler{}, openRing)
	s.attached = make(chan *Conn, 1)
	first := s.dialRaw(t)
	receive(t, s.attached, "the connection")
	s.group.Deliver(numbered(0))
	if _, _, err := first.frame(); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		s.group.Deliver(numbered(n))
	}
	second := s.dialRaw(t)
	receive(t, s.attached, "the connection").Send([]byte("21 "))
	if _, p, err := second.frame(); err != nil || number(t, p) != 21 {
		t.Errorf("got %.20q, %v, want what comes next", p, err)
	}
}

// arrived returns the frames that have reached the client. The connection cannot be read
// afterwards.
func (c *rawConn) arrived(t *testing.T) (frames [][]byte) {
	t.Helper()
	wait(5 * time.Millisecond) // What was sent before takes that long at most, over loopback.
	c.cork.ready = true
	for {
		_, p, err := c.frame()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, p)
	}
}
