package websocket

import (
	"testing"

	"pgregory.net/rapid"

	"confab/internal/transport"
)

// TestRemove removes members of a part, at any point of a write that is spread
// over rounds: each member stays in its place, and those that have been written
// to stay before those that have not.
func TestRemove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 8).Draw(t, "size")
		g := &Group{count: size}
		p := &part{group: g, count: size, next: rapid.IntRange(0, size).Draw(t, "next")}
		g.parts = []*part{p}
		written, fd := map[*Conn]bool{}, map[*Conn]int32{}
		for i := range size {
			c := &Conn{index: int32(i), joined: true}
			p.conns = append(p.conns, c)
			p.targets = append(p.targets, transport.Target{FD: int32(i)})
			fd[c] = int32(i)
			written[c] = i < p.next
		}
		for len(p.conns) > 0 {
			gone := p.conns[rapid.IntRange(0, len(p.conns)-1).Draw(t, "gone")]
			p.remove(gone)
			delete(written, gone)
			if len(p.conns) != len(written) {
				t.Fatalf("%d members, want %d", len(p.conns), len(written))
			}
			for i, c := range p.conns {
				if int(c.index) != i {
					t.Fatalf("the member in place %d believes that it is in place %d", i, c.index)
				}
				if p.targets[i].FD != fd[c] {
					t.Fatalf("place %d has the target of another member", i)
				}
				if written[c] != (i < p.next) {
					t.Fatalf("the member in place %d of %d, of which %d are written to: written %t", i, len(p.conns), p.next, written[c])
				}
			}
		}
	})
}
