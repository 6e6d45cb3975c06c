package websocket

import (
	"net"
	"testing"
	"time"
)

// has reports whether unread input has arrived.
func has(t testing.TB, c net.Conn) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(make([]byte, 64))
	return n > 0 && err == nil
}

// A room of thousands is written to in slices. Between two slices the loop serves the
// other connections.
func TestLargeRoomDoesNotHoldUpASmallOne(t *testing.T) {
	s := NewServer(Options{Loops: 1, PingInterval: -1, IOURing: true}, handler{})
	t.Cleanup(s.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	large, small := s.NewGroup(), s.NewGroup()
	join := func(g *Group) (net.Conn, *Conn) {
		return attachTo(t, s, l, Attachment{Group: g})
	}
	const members = 4*writesPerRound + 1
	peers := make([]net.Conn, members)
	conns := make([]*Conn, members)
	for i := range peers {
		peers[i], conns[i] = join(large)
	}
	only, _ := join(small)
	arrived := make(chan struct{})

	// Each call is made in a round of its own, which writes one slice.
	loop := s.loops[0]
	rounds := []func(){
		func() { large.Deliver([]byte("1")) },
		func() {},
		func() {
			small.Deliver([]byte("x"))
			large.Deliver([]byte("2"))
			// Connections with and without the first frame leave and receive frames
			// of their own.
			for i := 3; i < members; i += 500 {
				conns[i].Send([]byte("own"))
				conns[i+1].drop()
			}
		},
		func() {},
		func() {
			if !has(t, peers[0]) || !has(t, only) {
				t.Error("the small room waits for more than two slices of the large one")
			}
			if has(t, peers[members-1]) {
				t.Error("all of the large room was written at once")
			}
		},
		func() { close(arrived) },
	}
	var step func()
	step = func() {
		f := rounds[0]
		rounds = rounds[1:]
		f()
		if len(rounds) > 0 {
			loop.post(step)
		}
	}
	loop.post(step)
	receive(t, arrived, "six rounds")
	for i, p := range peers {
		want := "\x81\x011\x81\x012"
		switch {
		case i == 0:
			want = want[3:]
		case i%500 == 3:
			want += "\x81\x03own"
		case i%500 == 4:
			continue
		}
		if err := p.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		for n := 0; n < len(want); {
			m, err := p.Read(got[n:])
			if err != nil {
				t.Fatalf("member %d got %q, then %v", i, got[:n], err)
			}
			n += m
		}
		if string(got) != want {
			t.Fatalf("member %d got %q, want %q", i, got, want)
		}
	}
}
