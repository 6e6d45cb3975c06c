package places

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
)

// newNodes returns three nodes. The room is live on a, and b and c hold it, b first. Both would
// begin behind frame 5.
func newNodes(t *testing.T) (n *net, a, b, c *node) {
	t.Helper()
	n = &net{nodes: map[string]*node{}}
	start := func(id string) *node {
		one := n.start(t, id, filepath.Join(t.TempDir(), id))
		one.holders, one.confirmed = []string{"a", "b", "c"}, map[string]uint64{}
		if id != "a" {
			one.begins.Sequence = 5
		}
		return one
	}
	a, b, c = start("a"), start("b"), start("c")
	a.live()
	return n, a, b, c
}

// deliver appends frames to the logs of nodes.
func deliver(from, to int, frame string, nodes ...*node) {
	for i := from; i <= to; i++ {
		for _, n := range nodes {
			n.log.Append(fmt.Appendf(nil, frame, i), "", chat.Point{Epoch: 1, Sequence: uint64(i)})
		}
	}
}

// tell has a node tell the others, and waits until they have what they need.
func (n *node) tell(t *testing.T) {
	t.Helper()
	n.tellAll(t.Context(), false)
	for _, other := range n.net.nodes {
		other.working.Wait()
	}
}

func (n *node) wantMissed(t *testing.T, user, want string) {
	t.Helper()
	if got := n.joins(t, user); got != want {
		t.Errorf("%s missed %.200q, want %.200q", user, got, want)
	}
}

func TestTell(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, n *net, a, b, c *node){
		"a client of a node that was killed gets what it has not confirmed": func(t *testing.T, n *net, a, b, _ *node) {
			deliver(4, 5, "f%d ", a)
			a.tell(t)
			deliver(6, 6, "f%d ", a, b)
			delete(n.nodes, "a")
			b.wantMissed(t, "ann", "f4 f5 f6 ")
			b.wantMissed(t, "bob", "")
		},
		"another node asks the one that was told": func(t *testing.T, n *net, a, b, c *node) {
			deliver(4, 5, "f%d ", a)
			a.tell(t)
			c.live()
			deliver(6, 6, "f%d ", a, b, c)
			delete(n.nodes, "a")
			c.wantMissed(t, "ann", "f4 f5 f6 ")
			c.wantMissed(t, "ann", "") // Its place is taken.
		},
		"frames come in several pages": func(t *testing.T, n *net, a, b, _ *node) {
			big := "f%d " + strings.Repeat("x", pageBytes/2) + " "
			deliver(4, 5, big, a)
			a.tell(t)
			delete(n.nodes, "a")
			b.wantMissed(t, "ann", fmt.Sprintf(big+big, 4, 5))
		},
		"a node that did not answer is told again": func(t *testing.T, n *net, a, b, _ *node) {
			deliver(4, 5, "f%d ", a)
			b.silent = true
			a.tell(t)
			b.silent = false
			a.tell(t)
			delete(n.nodes, "a")
			b.wantMissed(t, "ann", "f4 f5 ")
		},
		"a node that has lost what it was told is told again": func(t *testing.T, n *net, a, b, _ *node) {
			deliver(4, 5, "f%d ", a)
			a.tell(t)
			b.log = nil
			a.toldOf("room").at = a.toldOf("room").at.Add(-repeatEvery)
			a.tell(t) // b does not know the report that is repeated.
			a.tell(t)
			delete(n.nodes, "a")
			b.wantMissed(t, "ann", "f4 f5 ")
		},
		"nothing is told if nothing has changed": func(t *testing.T, _ *net, a, b, _ *node) {
			deliver(4, 5, "f%d ", a)
			a.confirmed["ann"] = a.log.End()
			a.tell(t)
			a.tell(t)
			if b.tells != 1 {
				t.Errorf("told %d times", b.tells)
			}
			deliver(6, 6, "f%d ", a)
			a.tell(t)
			if b.tells != 2 {
				t.Errorf("told %d times after a frame", b.tells)
			}
		},
		"a node that is not the first keeper any more forgets": func(t *testing.T, _ *net, a, b, c *node) {
			deliver(4, 5, "f%d ", a)
			a.tell(t)
			a.holders = []string{"a", "c", "b"}
			a.tell(t)
			found := func(one *node) int { return len(one.log.Find(catchup.Client{UserID: "ann", Agent: 1}, one.Self, nil)) }
			if found(b) != 0 || found(c) != 1 {
				t.Errorf("b knows %d places, c %d", found(b), found(c))
			}
		},
		"a node that stops hands over what it knows of nodes that are gone": func(t *testing.T, n *net, a, b, c *node) {
			deliver(4, 5, "f%d ", a)
			a.tell(t)
			delete(n.nodes, "a")
			b.Flush(t.Context())
			delete(n.nodes, "b")
			c.wantMissed(t, "ann", "f4 f5 ")
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, a, b, c := newNodes(t)
			a.joins(t, "ann")
			deliver(1, 3, "f%d ", a)
			a.confirmed["ann"] = a.log.End()
			test(t, n, a, b, c)
		})
	}
}

// TestFill has a client come to a node whose log begins late.
func TestFill(t *testing.T) {
	n, a, b, c := newNodes(t)
	a.joins(t, "ann")
	deliver(1, 5, "f%d ", a)
	b.live()
	c.live()
	deliver(6, 6, "f%d ", a, b, c)
	a.tell(t)
	delete(n.nodes, "a")
	t.Run("from the node that has most of the frames", func(t *testing.T) { c.wantMissed(t, "ann", "f1 f2 f3 f4 f5 f6 ") })
	t.Run("once", func(t *testing.T) {
		delete(n.nodes, "b")
		if !c.log.Covers(chat.Point{Epoch: 1}) {
			t.Error("the frames are not there any more")
		}
	})
}

// A node with very many clients tells less often, and often enough that others keep what it
// has told.
func TestTellAfter(t *testing.T) {
	for made, want := range map[time.Duration]time.Duration{
		0: tellEvery, 30 * time.Millisecond: tellEvery, 100 * time.Millisecond: 5 * time.Second, time.Second: tellLongest,
	} {
		if got := tellAfter(made); got != want {
			t.Errorf("behind reports of %v it waits for %v, not %v", made, got, want)
		}
	}
	if tellLongest >= repeatEvery {
		t.Error("others drop what is not repeated")
	}
}
