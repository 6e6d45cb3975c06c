package websocket

import (
	"testing"

	"pgregory.net/rapid"
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
		written := map[*Conn]bool{}
		for i := range size {
			c := &Conn{index: int32(i), joined: true}
			p.members = append(p.members, member{conn: c})
			written[c] = i < p.next
		}
		for len(p.members) > 0 {
			gone := p.members[rapid.IntRange(0, len(p.members)-1).Draw(t, "gone")].conn
			p.remove(gone)
			delete(written, gone)
			if len(p.members) != len(written) {
				t.Fatalf("%d members, want %d", len(p.members), len(written))
			}
			for i, m := range p.members {
				if int(m.conn.index) != i {
					t.Fatalf("the member in place %d believes that it is in place %d", i, m.conn.index)
				}
				if written[m.conn] != (i < p.next) {
					t.Fatalf("the member in place %d of %d, of which %d are written to: written %t", i, len(p.members), p.next, written[m.conn])
				}
			}
		}
	})
}
