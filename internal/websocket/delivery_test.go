package websocket

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/rfc6455"
)

// windows are the ways to gather frames.
var windows = []time.Duration{0, 20 * time.Millisecond, -1}

// A connection receives the frames of its group and its own frames in the order of
// the calls, and its Close frame last.
func TestOrderOfDeliverAndSend(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		for i, window := range append(windows, windows...) {
			// The second time, a part of ten is written in four rounds.
			slice := 3 * (i / len(windows))
			t.Run(fmt.Sprintf("window %v, slice %d", window, slice), func(t *testing.T) {
				s := start(Options{Loops: 2, DeliveryWindow: window, slice: slice}, handler{})
				s.attached = make(chan *Conn, 1)
				const members = 20
				var conns []*Conn
				var want [members][]string
				var peers sync.WaitGroup
				got := make([][]string, members)
				for i := range members {
					peer := s.dialRaw(t)
					conns = append(conns, receive(t, s.attached, "the connection"))
					peers.Go(func() {
						for {
							op, p, err := peer.frame()
							if err != nil {
								return
							}
							got[i] = append(got[i], shown(op, string(p)))
						}
					})
				}
				for n := range 3000 {
					frame := strconv.Itoa(n)
					if i := rand.IntN(3 * members); i < members {
						conns[i].Send([]byte(frame))
						want[i] = append(want[i], "text "+frame)
					} else {
						s.group.Deliver([]byte(frame))
						for i := range want {
							want[i] = append(want[i], "text "+frame)
						}
					}
					if n%500 == 0 {
						// Some calls then run in separate rounds.
						wait(5 * time.Millisecond)
					}
				}
				for i, c := range conns {
					c.Close(1000, "")
					want[i] = append(want[i], "close 1000")
				}
				peers.Wait()
				for i := range members {
					if a, b := strings.Join(want[i], "\n"), strings.Join(got[i], "\n"); a != b {
						t.Fatalf("connection %d got %d frames, want %d, or in another order", i, len(got[i]), len(want[i]))
					}
				}
			})
		}
	})
}

// numbered returns a frame of about a kilobyte that starts with its number.
func numbered(n int) []byte {
	return append(fmt.Appendf(nil, "%d ", n), strings.Repeat("x", 1000)...)
}

// number returns the number of a frame of numbered.
func number(t testing.TB, p []byte) int {
	t.Helper()
	s, _, _ := strings.Cut(string(p), " ")
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("frame %.20q", p)
	}
	return n
}

// A receiver that does not read is dropped. It receives no Close frame and no frame
// out of order, and does not affect the other receivers.
func TestSlowReceiverIsDropped(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		var pending atomic.Int64
		causes := make(chan error, 10)
		const bound = 64 << 10
		s := start(Options{MaxPending: bound, PendingBytes: func(delta int) { pending.Add(int64(delta)) }},
			handler{closed: func(_ *Conn, cause error) { causes <- cause }})
		slow := s.dialRaw(t)
		eventually(t, "the slow one to join", func() bool { return s.group.size() == 1 })
		const fastOnes = 5
		var fast [fastOnes]*rawConn
		for i := range fast {
			fast[i] = s.dialRaw(t)
		}
		eventually(t, "all to join", func() bool { return s.group.size() == 1+fastOnes })
		n, high := 0, int64(0)
		for s.group.size() > fastOnes {
			for range 20 {
				s.group.Deliver(numbered(n))
				n++
			}
			for _, f := range fast {
				for i := n - 20; i < n; i++ {
					if _, p, err := f.frame(); err != nil || number(t, p) != i {
						t.Fatalf("a fast receiver got %.20q, %v; want %d", p, err, i)
					}
				}
			}
			high = max(high, s.pendingBytes())
			if n > 100_000 {
				t.Fatal("it is never dropped")
			}
		}
		if cause := receive(t, causes, "Closed"); !errors.Is(cause, ErrSlow) {
			t.Errorf("Closed with %v", cause)
		}
		if high == 0 || high > 2*bound+20*1024*fastOnes {
			t.Errorf("up to %d bytes were pending, want some, and not much more than %d", high, bound)
		}
		for i := 0; ; i++ {
			op, p, err := slow.frame()
			if err != nil {
				if i == 0 {
					t.Error("the slow one got nothing")
				}
				break
			}
			if op != rfc6455.Text || number(t, p) != i {
				t.Fatalf("the slow one got opcode %d, %.20q; want %d", op, p, i)
			}
		}
		eventually(t, "nothing to be pending", func() bool { return s.pendingBytes() == 0 && pending.Load() == 0 })
	})
}

// A receiver that reads again before it exceeds MaxPending loses nothing. A Close
// frame comes after everything else.
func TestSlowReceiverCatchesUp(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		for _, window := range windows {
			t.Run(fmt.Sprintf("window %v", window), func(t *testing.T) {
				s := start(Options{MaxPending: 4 << 20, DeliveryWindow: window, CloseTimeout: 10 * time.Second}, handler{})
				s.attached = make(chan *Conn, 1)
				peer := s.dialRaw(t)
				c := receive(t, s.attached, "the connection")
				n := 0
				for s.pendingBytes() < 1<<20 {
					for range 20 {
						if n%7 == 0 {
							c.Send(numbered(n))
						} else {
							s.group.Deliver(numbered(n))
						}
						n++
					}
					wait(time.Millisecond)
					if n > 100_000 {
						t.Fatal("the socket takes everything")
					}
				}
				c.Close(1000, "at last")
				s.group.Deliver([]byte("too late"))
				for i := range n {
					if _, p, err := peer.frame(); err != nil || number(t, p) != i {
						t.Fatalf("got %.20q, %v; want %d", p, err, i)
					}
				}
				if op, p, err := peer.frame(); err != nil || op != rfc6455.Close {
					t.Fatalf("got %d %.20q, %v; want a Close frame", op, p, err)
				}
				peer.Close()
				eventually(t, "nothing to be left", func() bool { return s.Len() == 0 && s.pendingBytes() == 0 })
			})
		}
	})
}

// A flood of small frames to a connection that does not read is bounded by its cost
// in memory, not only by its bytes.
func TestSlowReceiverOfPongs(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		causes := make(chan error, 1)
		s := start(Options{MaxPending: 32 << 10}, handler{closed: func(_ *Conn, cause error) { causes <- cause }})
		peer := s.dialRaw(t)
		flood := []byte(strings.Repeat(string(ping(strings.Repeat("p", 125))), 100))
		for {
			if _, err := peer.Write(flood); err != nil {
				break
			}
		}
		if cause := receive(t, causes, "Closed"); !errors.Is(cause, ErrSlow) {
			t.Errorf("Closed with %v", cause)
		}
	})
}

// A quiet group is written at once. A busy group is written at most once per window,
// with all gathered frames in one piece.
func TestDeliveryWindow(t *testing.T) {
	eachForm(t, func(t *testing.T, start func(Options, Handler) *peerServer) {
		const window = 200 * time.Millisecond
		s := start(Options{DeliveryWindow: window}, handler{})
		peer := s.dialRaw(t)
		eventually(t, "it to join", func() bool { return s.group.size() == 1 })
		read := func() time.Time {
			if _, _, err := peer.frame(); err != nil {
				t.Fatal(err)
			}
			return time.Now()
		}
		begin := time.Now()
		s.group.Deliver([]byte("at once"))
		first := read()
		if d := first.Sub(begin); d > window/2 {
			t.Errorf("the first frame took %v", d)
		}
		s.group.Deliver([]byte("waits"))
		s.group.Deliver([]byte("waits, too"))
		second := read()
		if d := second.Sub(begin); d < window-time.Millisecond {
			t.Errorf("the second frame came %v behind the first, want a window", d)
		}
		if peer.r.Buffered() == 0 {
			t.Error("the third frame did not come with the second")
		}
		read()
		wait(window)
		begin = time.Now()
		s.group.Deliver([]byte("at once again"))
		if d := read().Sub(begin); d > window/2 {
			t.Errorf("a frame behind a quiet spell took %v", d)
		}
	})
}

// The window of a loop grows with its rate of deliveries.
func TestAutomaticWindow(t *testing.T) {
	for _, c := range []struct {
		members, perSecond int
		min, max           time.Duration
	}{
		{10, 10, 0, 0},
		{1000, 1, 0, 0},
		{1000, 10, 5 * time.Millisecond, 15 * time.Millisecond},
		{1000, 100, maxWindow, maxWindow},
		{10_000, 100, MaxAutoWindow, MaxAutoWindow},
		{2250, 100, 70 * time.Millisecond, 80 * time.Millisecond},
		{1000, 500, MaxAutoWindow, MaxAutoWindow},
		{10_000, 1, 10 * time.Millisecond, 30 * time.Millisecond},
	} {
		l := &loop{server: &Server{options: Options{DeliveryWindow: -1}}}
		interval := int64(time.Second) / int64(c.perSecond)
		for l.now = 0; l.now < int64(5*time.Second); l.now += interval {
			l.deliveries.add(l.now, float64(c.members))
		}
		l.now -= interval / 2
		if w := time.Duration(l.window(c.members)); w < c.min || w > c.max {
			t.Errorf("%d members at %d a second: window %v, want %v to %v", c.members, c.perSecond, w, c.min, c.max)
		}
		l.now += int64(10 * time.Second)
		if w := l.window(c.members); w != 0 {
			t.Errorf("%d members after a quiet spell: window %v, want none", c.members, time.Duration(w))
		}
	}
}

// A small group stays on one loop, and a larger one on few. A large group is spread evenly.
func TestGroupsSpread(t *testing.T) {
	s := NewServer(Options{Loops: 3, IOURing: true}, handler{})
	t.Cleanup(s.Close)
	g := s.NewGroup()
	counts := func() string {
		var b strings.Builder
		for _, p := range g.parts {
			fmt.Fprintf(&b, "%d ", p.count)
		}
		return b.String()
	}
	for range spreadAbove {
		g.enter(nil)
	}
	if got, want := counts(), fmt.Sprintf("%d ", spreadAbove); got != want {
		t.Errorf("members per loop: %s, want %s", got, want)
	}
	for range 40 {
		g.enter(nil)
	}
	if got, want := counts(), fmt.Sprintf("%d 40 ", spreadAbove); got != want {
		t.Errorf("members per loop: %s, want %s", got, want)
	}
	for range 2*spreadAbove - 10 {
		g.enter(nil)
	}
	if got, want := counts(), fmt.Sprintf("%d %d %d ", spreadAbove+10, spreadAbove+10, spreadAbove+10); got != want {
		t.Errorf("members per loop: %s, want %s", got, want)
	}
}
