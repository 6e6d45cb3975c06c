package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// late is a cluster of a, b, c and z, in which c enters rooms of the home a late.
type late struct {
	net   *network
	nodes map[string]*node
	rooms []string // of a; c keeps nothing of them
}

func newLate(t *testing.T) *late {
	w := &late{net: newNetwork(t, 1), nodes: map[string]*node{}}
	r := newRooms(48, 100)
	for _, id := range []string{"a", "b", "c", "z"} {
		w.nodes[id] = startNode(t, id, options{rooms: r, transport: w.net.port(id)})
		w.nodes[id].port = w.net.ports[id]
	}
	await(t, w.nodes, 4)
	for _, room := range r.RoomIDs() {
		for _, id := range []string{"a", "b", "z"} {
			w.nodes[id].join(t, room)
		}
		w.done(t, event(w.nodes["b"], t, room))
		time.Sleep(100 * time.Millisecond)
		if !w.nodes["c"].LastDelivered(room).Known && w.nodes["a"].Owner(room) == "a" {
			w.rooms = append(w.rooms, room)
		}
	}
	if len(w.rooms) < 3 {
		t.Fatalf("%d rooms are of use for this test, at least 3 should be", len(w.rooms))
	}
	return w
}

func (w *late) done(t *testing.T, a *asked) {
	t.Helper()
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
}

// behind has a's streams reach only some nodes.
func (w *late) behind(reached ...string) {
	w.net.losing(func(from, to, subject string) bool {
		return from == "a" && !slices.Contains(reached, to) && (strings.HasSuffix(subject, ".frames") || subject == "answer")
	})
}

// part has asker ask for a frame that a and b get, and z does not. Then c enters, and gets
// a frame that b and z do not get. Then a dies.
func (w *late) part(t *testing.T, asker string) (missed, last map[string]*asked) {
	missed, last = map[string]*asked{}, map[string]*asked{}
	w.behind("b", "c")
	for _, room := range w.rooms {
		missed[room] = event(w.nodes[asker], t, room)
		time.Sleep(100 * time.Millisecond) // a knows that b has it, so it lies before the place where c enters.
		w.nodes["c"].join(t, room)
	}
	w.behind("c")
	for _, room := range w.rooms {
		last[room] = event(w.nodes["c"], t, room)
		w.done(t, last[room])
		if !delivers(w.nodes["b"], room, missed[room].id) || delivers(w.nodes["z"], room, missed[room].id) || delivers(w.nodes["b"], room, last[room].id) {
			t.Fatal("z should lack a frame that b has, and b one that c has")
		}
	}
	w.nodes["a"].port.kill()
	delete(w.nodes, "a")
	w.net.heal()
	await(t, w.nodes, 3)
	time.Sleep(time.Second)
	return missed, last
}

func (w *late) check(t *testing.T, missed, last map[string]*asked) {
	for _, room := range w.rooms {
		w.done(t, missed[room])
		want := []string{missed[room].id, last[room].id}
		for _, id := range []string{"b", "z"} {
			if got := w.nodes[id].clients[room].IDs(); !slices.Equal(got[len(got)-2:], want) {
				t.Errorf("%s (home %s): %s received %v at last, want %v", room, w.nodes["z"].Owner(room), id, got, want)
			}
		}
		if got := w.nodes["c"].clients[room].IDs(); !slices.Equal(got, want[1:]) {
			t.Errorf("%s (home %s): c received %v, want %v", room, w.nodes["z"].Owner(room), got, want[1:])
		}
	}
}

// TestLateMember has a home die while one member lacks a frame that another one has, and
// the furthest member entered the room behind that frame: its log does not have it.
func TestLateMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLate(t)
		missed, last := w.part(t, "b")
		w.check(t, missed, last)
	})
}

// TestLateHome has that member become the home, and the operation of the frame before its
// log asked for again.
func TestLateHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newLate(t)
		w.nodes["b"].Drain(t.Context())
		w.nodes["z"].Drain(t.Context())
		await(t, w.nodes, 4)
		w.rooms = slices.DeleteFunc(w.rooms, func(room string) bool { return w.nodes["a"].Owner(room) != "a" })
		missed, last := w.part(t, "z")
		w.check(t, missed, last)
	})
}

// TestLateKeeper has a keeper that lags enter a room. It keeps all that the home counts on
// it to have, and not only what comes for its sessions.
func TestLateKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		nodes := map[string]*node{}
		for _, id := range []string{"a", "b", "c"} {
			nodes[id] = startNode(t, id, options{rooms: r, transport: net.port(id)})
		}
		await(t, nodes, 3)
		room := homed(t, nodes, r, "a")
		nodes["b"].join(t, room)
		first := event(nodes["b"], t, room)
		if err := <-first.done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		net.losing(func(from, to, subject string) bool {
			return from == "a" && to == "c" && strings.HasSuffix(subject, ".frames")
		})
		second := event(nodes["b"], t, room)
		if err := <-second.done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // Less than until a says how far its stream is.
		if sequence := nodes["c"].LastDelivered(room).Sequence; sequence != 1 {
			t.Fatalf("c has frame %d last, it should lag", sequence)
		}
		c := nodes["c"].join(t, room)
		if got := c.Audience.IDs(); !slices.Equal(got, []string{second.id}) {
			t.Errorf("c has %v of what came before its session, want %v", got, second.id)
		}
		if len(c.IDs()) > 0 {
			t.Errorf("its session received %v", c.IDs())
		}
	})
}
