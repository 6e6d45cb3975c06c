package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/messagingtest"
)

// divided starts nodes, cuts a off from b and c and lets both sides continue for a
// while. The side of a has the later view, as another node was with it at first:
// the others go over to its histories.
func divided(t *testing.T) (*network, *messagingtest.Store, map[string]*node) {
	net, r := newNetwork(t, 1), newRooms(8, 100)
	nodes := start(t, net, r, "a", "b", "c", "d")
	speak(t, nodes, r, "together")
	net.part([]string{"a", "d"}, []string{"b", "c"})
	await(t, map[string]*node{"b": nodes["b"], "c": nodes["c"]}, 2)
	await(t, map[string]*node{"a": nodes["a"], "d": nodes["d"]}, 2)
	nodes["d"].port.kill()
	delete(nodes, "d")
	await(t, map[string]*node{"a": nodes["a"]}, 1)
	speak(t, nodes, r, "apart")
	return net, r, nodes
}

// speak has every node send a message to every room.
func speak(t *testing.T, nodes map[string]*node, r *messagingtest.Store, what string) {
	t.Helper()
	for _, room := range r.RoomIDs() {
		for id, n := range nodes {
			if err := n.say(t, room, what+" "+id); err != nil {
				t.Fatalf("%s in %s: %v", id, room, err)
			}
		}
	}
}

// between says of messages whether they go from one of two nodes to the other.
func between(a, b string) func(from, to, subject string) bool {
	return func(from, to, _ string) bool { return from == a && to == b || from == b && to == a }
}

// TestHealedOneByOne heals the links of a node one after another: no node is left
// behind meanwhile.
func TestHealedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, _, nodes := divided(t)
		net.heal()
		net.losing(between("a", "c"))
		for range 250 {
			time.Sleep(10 * time.Millisecond)
			if v := nodes["a"].View(); slices.Equal(v.Members, []string{"a", "b"}) {
				t.Fatal("c was left behind, although b sees it")
			}
		}
		net.heal()
		await(t, nodes, 3)
	})
}

// TestLeftBehind heals only one link, for so long that b continues with a. When c
// can join them, it gets what b has delivered in between: it shares b's history.
func TestLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r, nodes := divided(t)
		net.heal()
		net.losing(between("a", "c"))
		pair := map[string]*node{"a": nodes["a"], "b": nodes["b"]}
		await(t, pair, 2)
		speak(t, pair, r, "without c")
		net.heal()
		await(t, nodes, 3)
		speak(t, nodes, r, "again")
		time.Sleep(time.Second)
		for _, room := range r.RoomIDs() {
			if wrong := sameOrder(map[string][]string{"b": nodes["b"].clients[room].IDs(), "c": nodes["c"].clients[room].IDs()}); wrong != "" {
				t.Errorf("%s: %s", room, wrong)
			}
			for id, n := range nodes {
				said := n.clients[room].Contents()
				for _, from := range []string{"a", "b"} {
					if !slices.Contains(said, fmt.Sprint("without c ", from)) {
						t.Errorf("%s did not receive %s in %s: %s", id, from, room, strings.Join(said, ", "))
					}
				}
			}
		}
	})
}

// TestWentOverEarly has a view end in which one node of a part has gone over to the
// history of the other part, and the next has not. They get what the other part
// did meanwhile in the view after that, and still receive the same.
func TestWentOverEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(32, 100)
		nodes := start(t, net, r, "a", "b", "c", "d", "e", "f")
		speak(t, nodes, r, "together")
		ours, theirs := map[string]*node{"a": nodes["a"], "b": nodes["b"]}, map[string]*node{"c": nodes["c"], "d": nodes["d"], "e": nodes["e"]}
		net.part([]string{"a", "b"}, []string{"c", "d", "e", "f"})
		await(t, ours, 2)
		await(t, map[string]*node{"c": nodes["c"], "f": nodes["f"]}, 4)
		// Another view gives the other part the later history.
		nodes["f"].port.kill()
		delete(nodes, "f")
		await(t, theirs, 3)
		speak(t, nodes, r, "apart")

		net.losing(func(from, to, subject string) bool {
			return from == "a" && to == "b" && strings.HasSuffix(subject, ".complete")
		})
		net.mend("a", "c")
		net.mend("b", "c")
		for len(nodes["a"].View().Members) != 3 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond)
		if nodes["a"].Ready() == nil {
			t.Fatal("a is open, and this test shows nothing")
		}
		var said []string
		for _, room := range r.RoomIDs() {
			if nodes["a"].Owner(room) == "a" && nodes["d"].Owner(room) != "c" {
				said = append(said, room)
				if err := nodes["d"].say(t, room, "meanwhile"); err != nil {
					t.Fatal(err)
				}
			}
		}
		for id := range ours {
			net.mend(id, "d")
			net.mend(id, "e")
		}
		for len(nodes["a"].View().Members) != 5 {
			time.Sleep(time.Millisecond)
		}
		net.heal()
		await(t, nodes, 5)
		speak(t, nodes, r, "again")
		time.Sleep(time.Second)
		if len(said) == 0 {
			t.Fatal("no room has its homes where they should be")
		}
		for _, room := range said {
			if wrong := sameOrder(received(ours, room)); wrong != "" {
				t.Errorf("%s: %s", room, wrong)
			}
		}
	})
}

// TestOpenAtOneOfTwo divides the nodes for so short a time that the view of one
// part opens at b, and c has yet to learn that it has. They were together all the
// while, and so neither receives what the other part did.
func TestOpenAtOneOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(32, 100)
		nodes := start(t, net, r, "a", "b", "c")
		speak(t, nodes, r, "together")
		room, other := homed(t, nodes, r, "b"), map[string]*node{"b": nodes["b"], "c": nodes["c"]}
		net.part([]string{"a"}, []string{"b", "c"})
		// The view has a as a member, which does not receive what its majority continues with.
		if err := nodes["c"].say(t, room, "not delivered at a"); err != nil {
			t.Fatal(err)
		}
		net.losing(func(from, to, subject string) bool {
			return from == "b" && to == "c" && strings.HasSuffix(subject, ".frames") || from == "c" && strings.HasSuffix(subject, ".stream")
		})
		await(t, other, 2)
		await(t, map[string]*node{"a": nodes["a"]}, 1)
		if err := nodes["a"].say(t, room, "apart"); err != nil {
			t.Fatal(err)
		}
		net.mend("a", "b")
		net.mend("a", "c")
		for len(nodes["c"].View().Members) != 3 {
			time.Sleep(time.Millisecond)
		}
		net.heal()
		await(t, nodes, 3)
		speak(t, nodes, r, "again")
		time.Sleep(time.Second)
		for _, room := range r.RoomIDs() {
			if wrong := sameOrder(received(other, room)); wrong != "" {
				t.Errorf("%s: %s", room, wrong)
			}
		}
		if said := nodes["c"].clients[room].Contents(); !slices.Contains(said, "not delivered at a") || slices.Contains(said, "apart") {
			t.Errorf("c received %q", said)
		}
	})
}
