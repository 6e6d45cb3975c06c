package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLateMember has a home die while one member lacks a frame that another one has, and
// the furthest member entered the room behind that frame: its log does not have it.
func TestLateMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(48, 100)
		nodes := map[string]*node{}
		for _, id := range []string{"a", "b", "c", "z"} {
			nodes[id] = startNode(t, id, options{rooms: r, transport: net.port(id)})
			nodes[id].port = net.ports[id]
		}
		await(t, nodes, 4)
		var rooms []string // of a, of which c keeps nothing
		for _, room := range r.RoomIDs() {
			for _, id := range []string{"a", "b", "z"} {
				nodes[id].join(t, room)
			}
			if err := <-event(nodes["b"], t, room).done; err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			if _, _, known := nodes["c"].LastDelivered(room); !known && nodes["a"].Owner(room) == "a" {
				rooms = append(rooms, room)
			}
		}
		if len(rooms) < 3 {
			t.Fatalf("%d rooms are of use for this test, at least 3 should be", len(rooms))
		}

		// From now on a's streams do not reach z, and later only c.
		net.losing(func(from, to, subject string) bool {
			return from == "a" && to == "z" && (strings.HasSuffix(subject, ".frames") || subject == "answer")
		})
		missed, last := map[string]*asked{}, map[string]*asked{}
		for _, room := range rooms {
			missed[room] = event(nodes["b"], t, room)
			if err := <-missed[room].done; err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // a knows that b has it, so it lies before the place where c enters.
			nodes["c"].join(t, room)
		}
		net.losing(func(from, to, subject string) bool {
			return from == "a" && to != "c" && (strings.HasSuffix(subject, ".frames") || subject == "answer")
		})
		for _, room := range rooms {
			last[room] = event(nodes["c"], t, room)
			if err := <-last[room].done; err != nil {
				t.Fatal(err)
			}
			if delivers(nodes["z"], room, missed[room].id) || delivers(nodes["b"], room, last[room].id) {
				t.Fatal("z should lack a frame that b has, and b one that c has")
			}
		}
		nodes["a"].port.kill()
		delete(nodes, "a")
		net.heal()
		await(t, nodes, 3)
		time.Sleep(time.Second)
		for _, room := range rooms {
			want := []string{missed[room].id, last[room].id}
			for _, id := range []string{"b", "z"} {
				if got := nodes[id].clients[room].IDs(); !slices.Equal(got[len(got)-2:], want) {
					t.Errorf("%s (home %s): %s received %v at last, want %v", room, nodes["z"].Owner(room), id, got, want)
				}
			}
			if got := nodes["c"].clients[room].IDs(); !slices.Equal(got, want[1:]) {
				t.Errorf("%s: c received %v, want %v", room, got, want[1:])
			}
		}
	})
}
