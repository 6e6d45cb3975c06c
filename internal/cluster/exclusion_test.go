package cluster_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestPartialPartition breaks one link of three: one of its ends goes on with
// the node that hears both, the other is told to send its sessions there. It
// stays so until the link is back.
func TestPartialPartition(t *testing.T) {
	for _, ends := range [][2]string{{"a", "b"}, {"b", "c"}, {"a", "c"}} {
		t.Run(ends[0]+" and "+ends[1]+" do not hear each other", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net, r := newNetwork(t, 1), newRooms(8, 100)
				var excluded [3]atomic.Int32
				nodes := startWith(t, net, r, func(id string) func() {
					return func() { excluded[id[0]-'a'].Add(1) }
				}, "a", "b", "c")
				net.losing(between(ends[0], ends[1]))
				time.Sleep(10 * time.Second)
				var out []string
				rest := map[string]*node{}
				for id, n := range nodes {
					if n.Ready() != nil {
						out = append(out, id)
					} else {
						rest[id] = n
					}
					if told := excluded[id[0]-'a'].Load() > 0; told != (n.Ready() != nil) {
						t.Errorf("%s: told to end its sessions: %t, ready: %v", id, told, n.Ready())
					}
				}
				if len(out) != 1 || !slices.Contains(ends[:], out[0]) {
					t.Fatalf("%v are not ready, it should be one of %v", out, ends)
				}
				await(t, rest, 2)
				speak(t, rest, r, "on")
				before := nodes["a"].View().ID.Number
				time.Sleep(20 * time.Second)
				await(t, rest, 2)
				speak(t, rest, r, "still on")
				for id, n := range rest {
					if changes := n.View().ID.Number - before; id == "a" && changes > 0 {
						t.Errorf("the view changed %d times in 20 s", changes)
					}
				}
				net.heal()
				await(t, nodes, 3)
			})
		})
	}
}
