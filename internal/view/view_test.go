package view

import (
	"fmt"
	"hash/fnv"
	"slices"
	"testing"

	"confab/internal/chat"
)

// TestRendezvousHash compares the hash with that of earlier releases, whose nodes work
// beside this one.
func TestRendezvousHash(t *testing.T) {
	nodes := []string{"a_ABCDEFGH", "b_ABCDEFGH", "c", ""}
	for i := range 200 {
		key := fmt.Sprint("key ", i)
		hash := func(node string) uint64 {
			h := fnv.New64a()
			fmt.Fprint(h, node, "\x00", key)
			return mix(h.Sum64())
		}
		want := slices.MaxFunc(nodes[:3], func(a, b string) int { return map[bool]int{true: 1, false: -1}[hash(a) > hash(b)] })
		if got := Rendezvous(nodes[:3], key); got != want {
			t.Fatalf("%s: got %s, want %s", key, got, want)
		}
	}
}

// TestKeepers takes the home of rooms away: the first keeper is the next home, and the
// second is a keeper still.
func TestKeepers(t *testing.T) {
	v := viewOf(1, "a", "b", "c", "d", "e")
	for i := range 200 {
		room := fmt.Sprint("room ", i)
		home := v.Home(room)
		keepers := v.Keepers(room, home)
		if len(keepers) != 2 || slices.Contains(keepers, home) || keepers[0] == keepers[1] {
			t.Fatalf("the home is %s, the keepers are %v", home, keepers)
		}
		left := slices.DeleteFunc(slices.Clone(v.Members), func(id string) bool { return id == home })
		next := viewOf(2, left...)
		if got := next.Home(room); got != keepers[0] || !slices.Contains(next.Keepers(room, got), keepers[1]) {
			t.Errorf("the next home is %s, its keepers are %v; before they were %v", got, next.Keepers(room, got), keepers)
		}
	}
	pair := viewOf(1, "a", "b")
	if got := pair.Keepers("room", "a"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("of two nodes %v keep a room", got)
	}
}

func TestRendezvous(t *testing.T) {
	nodes := []string{"a", "b", "c"}
	count := map[string]int{}
	moved := 0
	for i := range 9000 {
		key := chat.NewID()
		home := Rendezvous(nodes, key)
		count[home]++
		if i%2 == 0 && home != Rendezvous(nodes[:2], key) && home != "c" {
			moved++
		}
	}
	for _, n := range nodes {
		if count[n] < 2700 || count[n] > 3300 {
			t.Errorf("%s is the home of %d of 9000 rooms", n, count[n])
		}
	}
	if moved > 0 {
		t.Errorf("%d rooms moved between nodes that stayed", moved)
	}
}

// viewOf returns a view whose members are all homes.
func viewOf(number uint64, members ...string) View {
	return View{ID: ID{Number: number, Coordinator: members[0]}, Members: members, Homes: members}
}
