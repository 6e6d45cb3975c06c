package websocket

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// A queue returns the bytes that were added, in order, in takes of any size.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var want []byte
		shared := bytes.Repeat([]byte("abcdefgh"), 100)
		at := 0
		check := func() {
			if got := bytes.Join(q.next(), nil); !bytes.Equal(got, want) || q.bytes != len(want) || q.empty() != (len(want) == 0) {
				t.Fatalf("queue has %q (%d), want %q", got, q.bytes, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				p := []byte(rapid.StringN(0, 20, -1).Draw(t, "frame"))
				q.add(p)
				want = append(want, p...)
			},
			"add a piece of a chunk": func(t *rapid.T) {
				at += rapid.IntRange(0, 1).Draw(t, "gap")
				n := rapid.IntRange(1, 10).Draw(t, "size")
				if at+n > len(shared) {
					at = 0
				}
				q.add(shared[at : at+n])
				want = append(want, shared[at:at+n]...)
				at += n
			},
			"copy": func(t *rapid.T) {
				p := []byte(rapid.StringN(0, 20, -1).Draw(t, "frame"))
				q.copy(p)
				want = append(want, p...)
				for i := range p {
					p[i] = 0
				}
			},
			"advance": func(t *rapid.T) {
				n := rapid.IntRange(0, len(want)).Draw(t, "n")
				q.advance(n)
				want = want[n:]
			},
			"": func(*rapid.T) { check() },
		})
	})
}

// Deliveries of a group to a connection that does not read must not cost one piece per
// flush.
func TestQueueJoinsNeighbours(t *testing.T) {
	var q queue
	chunk := make([]byte, 1000)
	for at := 0; at < len(chunk); at += 10 {
		q.add(chunk[at : at+10])
	}
	if n := len(q.next()); n != 1 {
		t.Errorf("%d pieces, want 1", n)
	}
	if want := 1000 + pieceCost; q.cost() != want {
		t.Errorf("cost %d, want %d", q.cost(), want)
	}
}
