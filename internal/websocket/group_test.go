package websocket

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"weak"
)

// When the last member of a group on a loop has left, the loop keeps no later output
// of the group in memory. It serves connections that join again.
func TestLoopWithoutMembersKeepsNothing(t *testing.T) {
	s := startServer(t, Options{Loops: 2, MaxPending: 16 << 20}, handler{}, openRing)
	s.attached = make(chan *Conn, 1)
	var conns []*Conn
	join := func() *rawConn {
		peer := s.dialRaw(t)
		conns = append(conns, receive(t, s.attached, "the connection"))
		return peer
	}
	deliver := func(to int) {
		t.Helper()
		// More than the largest chunk.
		for range 2 * maxChunk / 4096 {
			if n := s.group.Deliver([]byte(strings.Repeat("x", 4096))); n != to {
				t.Fatalf("delivered to %d members, want %d", n, to)
			}
		}
	}
	// letsGo fails if frames delivered from here on stay in memory.
	letsGo := func() {
		t.Helper()
		from := weak.Make(s.group.end().chunk)
		deliver(spreadAbove)
		eventually(t, "what was delivered to be let go of", func() bool {
			runtime.GC()
			return from.Value() == nil
		})
	}
	for range spreadAbove + 5 {
		go io.Copy(io.Discard, join()) //nolint:errcheck // Until it is dropped.
	}
	home := conns[0].loop
	// The connections stay referenced, and so does their part.
	for _, c := range conns {
		if c.loop != home {
			c.drop()
		}
	}
	eventually(t, "the other loop's members to leave", func() bool { return s.group.size() == spreadAbove })
	letsGo()

	// A member leaves while output for it is still to be written.
	join()
	deliver(spreadAbove + 1)
	conns[len(conns)-1].drop()
	eventually(t, "it to leave", func() bool { return s.group.size() == spreadAbove })
	letsGo()

	// A connection that Attach rejects is added to the counts and removed again.
	closed, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if _, err := s.Attach(Attachment{Conn: closed, Group: s.group}); err == nil && runsEpoll {
		t.Error("a closed connection was attached")
	}
	eventually(t, "it to be counted out", func() bool { return s.group.size() == spreadAbove })
	letsGo()

	back := join()
	if c := conns[len(conns)-1]; c.loop == home {
		t.Fatal("the loop that is free is not used")
	}
	s.group.Deliver([]byte("welcome back"))
	if _, p, err := back.frame(); err != nil || string(p) != "welcome back" {
		t.Errorf("read %.20q, %v", p, err)
	}
}
