package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// divided starts nodes, cuts a off from b and c and lets both sides go on for a
// while. The side of a has the later view, as another node was with it at first:
// the others go over to its histories.
func divided(t *testing.T) (*network, *rooms, map[string]*node) {
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
func speak(t *testing.T, nodes map[string]*node, r *rooms, what string) {
	t.Helper()
	for room := range r.rooms {
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

// TestHealedOneByOne heals the links of a node one after another: nobody is left
// behind meanwhile.
func TestHealedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, _, nodes := divided(t)
		net.heal()
		net.losing(between("a", "c"))
		for range 250 {
			time.Sleep(10 * time.Millisecond)
			if v := nodes["a"].View(); slices.Equal(v.Members, []string{"a", "b"}) {
				t.Fatal("c was left behind, although b hears it")
			}
		}
		net.heal()
		await(t, nodes, 3)
	})
}

// TestLeftBehind heals only one link, for so long that b goes on with a. When c
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
		for room := range r.rooms {
			if wrong := sameOrder(map[string][]string{"b": nodes["b"].clients[room].ids(), "c": nodes["c"].clients[room].ids()}); wrong != "" {
				t.Errorf("%s: %s", room, wrong)
			}
			for id, n := range nodes {
				said := n.clients[room].contents()
				for _, from := range []string{"a", "b"} {
					if !slices.Contains(said, fmt.Sprint("without c ", from)) {
						t.Errorf("%s did not hear %s in %s: %s", id, from, room, strings.Join(said, ", "))
					}
				}
			}
		}
	})
}
