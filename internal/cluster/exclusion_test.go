package cluster_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
)

// TestPartialPartition breaks one link of three: one of its ends continues with
// the node that reaches both, the other is excluded, and its sessions move there. It
// stays so until the link is back.
func TestPartialPartition(t *testing.T) {
	for _, ends := range [][2]string{{"a", "b"}, {"b", "c"}, {"a", "c"}} {
		t.Run(ends[0]+" and "+ends[1]+" do not reach each other", func(t *testing.T) {
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
					if called := excluded[id[0]-'a'].Load() > 0; called != (n.Ready() != nil) {
						t.Errorf("%s: excluded: %t, ready: %v", id, called, n.Ready())
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

// TestExcludedAnswers asks on all nodes while two of three do not reach each other.
// No request waits any more when the one that is left out is excluded and ends its
// sessions: their clients would not get the answer.
func TestExcludedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		told := make(chan string, 3)
		nodes := startWith(t, net, r, func(id string) func() { return func() { told <- id } }, "a", "b", "c")
		net.losing(between("a", "b"))
		var asking sync.WaitGroup
		stop := make(chan struct{})
		for _, room := range r.RoomIDs() {
			for _, n := range nodes {
				asking.Go(func() {
					for ended := false; !ended; {
						began := time.Now()
						err := n.say(t, room, "x")
						if c := chat.CodeOf(err); err != nil && c != chat.Unavailable {
							t.Errorf("%s: %v", n.id, err)
						}
						if took := time.Since(began); took > 10*time.Second {
							t.Errorf("%s was answered after %s", n.id, took)
						}
						select {
						case <-stop:
							ended = true
						case <-time.After(100 * time.Millisecond):
						}
					}
				})
			}
		}
		out := <-told
		close(stop)
		began := time.Now()
		asking.Wait()
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("%s was excluded, and requests waited another %s", out, took)
		}
		net.heal()
		await(t, nodes, 3)
		speak(t, nodes, r, "again")
	})
}
