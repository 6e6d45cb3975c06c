package websocket

import (
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/rfc6455"
)

func TestDeadline(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		reached := make(chan time.Time, 10)
		s := start(Options{}, handler{deadline: func(c *Conn) {
			reached <- time.Now()
			c.Send([]byte("over"))
			c.Close(1000, "")
		}})
		s.attached = make(chan *Conn, 1)
		var deadline time.Time
		s.prepare = func(a *Attachment) { a.Deadline = deadline }

		deadline = time.Now().Add(150 * time.Millisecond)
		peer := s.dialRaw(t)
		<-s.attached
		at := receive(t, reached, "the deadline")
		if late := at.Sub(deadline); late < 0 || late > 5*time.Second {
			t.Errorf("reached %v late", late)
		}
		if _, p, err := peer.frame(); err != nil || string(p) != "over" {
			t.Errorf("read %q, %v", p, err)
		}

		deadline = time.Now().Add(-time.Hour)
		s.dialRaw(t)
		<-s.attached
		receive(t, reached, "a deadline in the past")

		// A second is enough to change a deadline in time, also on a busy machine.
		deadline = time.Now().Add(time.Second)
		s.dialRaw(t)
		c := <-s.attached
		later := deadline.Add(300 * time.Millisecond)
		c.setDeadline(later)
		if at := receive(t, reached, "the later deadline"); at.Before(later) {
			t.Errorf("reached %v early", later.Sub(at))
		}

		deadline = time.Now().Add(time.Second)
		s.dialRaw(t)
		c = <-s.attached
		c.setDeadline(time.Time{})
		select {
		case <-reached:
			t.Error("reached a deadline that was taken back")
		case <-time.After(1300 * time.Millisecond):
		}
	})
}

func TestPing(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		causes := make(chan error, 10)
		s := start(Options{PingInterval: 100 * time.Millisecond}, handler{closed: func(_ *Conn, cause error) { causes <- cause }})
		s.attached = make(chan *Conn, 1)

		t.Run("a peer that answers stays", func(t *testing.T) {
			peer := s.dialRaw(t)
			<-s.attached
			for range 8 {
				if op, _, err := peer.frame(); err != nil || op != rfc6455.Ping {
					t.Fatalf("read %d, %v; want a ping", op, err)
				}
				peer.write(t, pong("")...)
			}
			peer.Close()
			if cause := receive(t, causes, "Closed"); !errors.Is(cause, io.EOF) {
				t.Errorf("Closed with %v", cause)
			}
		})
		t.Run("a peer that does not is dropped without a Close frame", func(t *testing.T) {
			peer := s.dialRaw(t)
			<-s.attached
			begin := time.Now()
			var err error
			for pings := 0; err == nil; pings++ {
				var op rfc6455.Opcode
				if op, _, err = peer.frame(); err == nil && op != rfc6455.Ping {
					t.Fatalf("read %d, want pings only", op)
				}
			}
			if cause := receive(t, causes, "Closed"); !errors.Is(cause, ErrIdle) {
				t.Errorf("Closed with %v", cause)
			}
			if d := time.Since(begin); d < 190*time.Millisecond {
				t.Errorf("dropped after %v, want two intervals", d)
			}
		})
		t.Run("a paused peer is not dropped", func(t *testing.T) {
			peer := s.dialRaw(t)
			c := <-s.attached
			c.Pause()
			for range 5 {
				if op, _, err := peer.frame(); err != nil || op != rfc6455.Ping {
					t.Fatalf("read %d, %v; want a ping", op, err)
				}
			}
			peer.write(t, pong("")...)
			c.Resume()
			if op, _, err := peer.frame(); err != nil || op != rfc6455.Ping {
				t.Fatalf("read %d, %v; want a ping", op, err)
			}
			c.drop()
			awaitClosed(t, causes)
		})
	})
}

// After a long pause, a peer has the full timeout again from Resume on, even if the
// loop checks it before it reads again.
func TestResumeBehindALongPause(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		const interval = 100 * time.Millisecond
		causes := make(chan error, 1)
		handled := make(chan string, 1)
		s := start(Options{PingInterval: interval}, handler{
			message: func(_ *Conn, _ rfc6455.Opcode, p []byte) { handled <- string(p) },
			// The loop is about to check whether the peer is alive.
			deadline: func(c *Conn) { c.Resume() },
			closed:   func(_ *Conn, cause error) { causes <- cause },
		})
		s.attached = make(chan *Conn, 1)
		peer := s.dialRaw(t)
		c := receive(t, s.attached, "the connection")
		c.Pause()
		c.setDeadline(time.Now().Add(3 * interval))
		peer.write(t, text("unread")...)
		select {
		case p := <-handled:
			if p != "unread" {
				t.Errorf("message %q", p)
			}
		case cause := <-causes:
			t.Errorf("Closed with %v", cause)
		case <-time.After(20 * time.Second):
			t.Error("neither a message nor the end")
		}
	})
}

// The members of a group are pinged at its own interval, also those that were there before
// it was set, and a peer that vanished is dropped after two.
func TestPingEvery(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		closed := make(chan error, 1)
		s := start(Options{PingInterval: time.Hour}, handler{closed: func(_ *Conn, cause error) { closed <- cause }})
		s.attached = make(chan *Conn, 1)
		peer := s.dialRaw(t)
		<-s.attached
		begin := time.Now()
		s.group.PingEvery(time.Minute, 0)
		s.group.PingEvery(200*time.Millisecond, 0)
		if op, _, err := peer.frame(); err != nil || op != rfc6455.Ping {
			t.Errorf("read %v, %v", op, err)
		}
		if cause := receive(t, closed, "the end"); !errors.Is(cause, ErrIdle) || time.Since(begin) < 350*time.Millisecond {
			t.Errorf("ended after %v: %v", time.Since(begin), cause)
		}
	})
}

// Behind a mark, members are pinged more often for a while, and one that does not confirm it
// is dropped; where there are no marks, they are not.
func TestPingEvery_Marked(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		const behindMark = time.Second
		closed := make(chan error, 1)
		s := start(Options{PingInterval: time.Hour}, handler{closed: func(_ *Conn, cause error) { closed <- cause }})
		s.attached = make(chan *Conn, 2)
		s.group.PingEvery(0, behindMark)
		peer := s.dialRaw(t)
		c := receive(t, s.attached, "the connection")
		interval := func() time.Duration {
			now := make(chan int64)
			c.loop.post(func() { now <- c.pingInterval() })
			return time.Duration(receive(t, now, "the interval"))
		}
		if got := interval(); got != time.Hour {
			t.Errorf("without a mark, it is pinged every %v", got)
		}
		var silent atomic.Bool
		var reads sync.WaitGroup
		reads.Go(func() {
			for {
				op, p, err := peer.frame()
				if err != nil {
					return
				}
				if op == rfc6455.Ping && !silent.Load() {
					peer.write(t, pong(string(p))...)
				}
			}
		})
		defer reads.Wait()
		for number := range uint64(3) { // A peer that answers stays.
			s.group.Mark(number + 1)
			eventually(t, "the mark is confirmed", func() bool { return c.Confirmed() == number+1 })
			if got := interval(); got != behindMark {
				t.Errorf("behind a mark, it is pinged every %v", got)
			}
		}
		eventually(t, "it is pinged as before", func() bool { return interval() == time.Hour })
		silent.Store(true)
		begin := time.Now()
		s.group.Mark(4)
		if cause := receive(t, closed, "the end"); !errors.Is(cause, ErrIdle) || time.Since(begin) < 3*behindMark/2 {
			t.Errorf("ended after %v: %v", time.Since(begin), cause)
		}
	})
}

// What a connection gets first of its own leaves the start in the group's output alone.
func TestFirstWithoutReplay(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		s := start(Options{Overlap: time.Minute}, handler{})
		other := s.dialRaw(t)
		s.group.Deliver([]byte("before"))
		if _, p, err := other.frame(); err != nil || string(p) != "before" {
			t.Fatalf("read %q, %v", p, err)
		}
		s.prepare = func(a *Attachment) {
			a.Before = func() First { return First{Frames: [][]byte{rfc6455.AppendFrame(nil, rfc6455.Text, []byte("hello"))}} }
		}
		peer := s.dialRaw(t)
		for _, want := range []string{"hello", "before"} {
			if _, p, err := peer.frame(); err != nil || string(p) != want {
				t.Errorf("read %q, %v; want %s", p, err, want)
			}
		}
	})
}

// A group that is pinged more often asks only peers that have been silent for its interval.
func TestPingEvery_Silent(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		const interval = int64(time.Minute)
		s := start(Options{Loops: 1, PingInterval: time.Hour}, handler{})
		s.attached = make(chan *Conn, 1)
		s.group.PingEvery(time.Duration(interval), 0)
		peer := s.dialRaw(t)
		c := receive(t, s.attached, "the connection")
		settled(t, c.loop)
		look := func(silent int64) (next int64) {
			looked := make(chan int64)
			c.loop.post(func() {
				c.seen, c.check = c.loop.now-silent, c.loop.now
				c.loop.look(c)
				looked <- c.check - c.loop.now
			})
			return receive(t, looked, "the time of the next ping")
		}
		if next := look(interval / 3); next != interval-interval/3 {
			t.Errorf("a peer that sent something is looked at in %s", time.Duration(next))
		}
		if next := look(interval); next != interval {
			t.Errorf("a silent peer is looked at in %s", time.Duration(next))
		}
		s.group.Deliver([]byte("x"))
		want := []rfc6455.Opcode{rfc6455.Ping, rfc6455.Text}
		for i := range want {
			if op, _, err := peer.frame(); err != nil || op != want[i] {
				t.Fatalf("frame %d is %d, %v; want %d", i, op, err, want[i])
			}
		}
	})
}

// settled waits until the loop has nothing pending for its connections. Pings are sent only
// then, and a goroutine reports a little later that it has written.
func settled(t *testing.T, l *loop) {
	t.Helper()
	eventually(t, "nothing is pending", func() bool {
		pending := make(chan bool)
		l.post(func() { pending <- slices.ContainsFunc(l.conns, func(c *Conn) bool { return c.out != nil }) })
		return !receive(t, pending, "what is pending")
	})
}

// All that are due in one round get a Ping, and nothing else.
func TestPing_Many(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		s := start(Options{Loops: 1, PingInterval: time.Hour}, handler{})
		s.attached = make(chan *Conn, 1)
		var peers []*rawConn
		for range 2*writesPerYield + 1 {
			peers = append(peers, s.dialRaw(t))
			receive(t, s.attached, "the connection")
		}
		l := s.loops[0]
		settled(t, l)
		l.post(func() {
			for _, c := range l.conns {
				c.check = l.now
				l.look(c)
			}
		})
		for i, peer := range peers {
			if op, p, err := peer.frame(); err != nil || op != rfc6455.Ping || len(p) > 0 {
				t.Fatalf("peer %d reads %d, %q, %v", i, op, p, err)
			}
		}
		s.group.Deliver([]byte("x"))
		for i, peer := range peers {
			if op, p, err := peer.frame(); err != nil || op != rfc6455.Text || string(p) != "x" {
				t.Fatalf("then peer %d reads %d, %q, %v", i, op, p, err)
			}
		}
	})
}
