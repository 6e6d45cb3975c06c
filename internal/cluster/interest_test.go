package cluster_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/cluster"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// counting is a transport that counts the frames that come to its node, and its
// subscriptions.
type counting struct {
	cluster.Transport
	mu            sync.Mutex
	frames        int // messages with frames
	subscriptions int
	leaves        []func() error // say what the node has said about leaving rooms once more
}

func (c *counting) Publish(subject string, data []byte) error {
	if strings.HasSuffix(subject, ".leave") {
		c.mu.Lock()
		c.leaves = append(c.leaves, func() error { return c.Transport.Publish(subject, data) })
		c.mu.Unlock()
	}
	return c.Transport.Publish(subject, data)
}

func (c *counting) Subscribe(subject string, handle func(string, []byte, func([]byte))) error {
	c.mu.Lock()
	c.subscriptions++
	c.mu.Unlock()
	return c.Transport.Subscribe(subject, func(subject string, data []byte, reply func([]byte)) {
		if strings.HasSuffix(subject, ".frames") {
			c.mu.Lock()
			c.frames++
			c.mu.Unlock()
		}
		handle(subject, data, reply)
	})
}

func (c *counting) count() (frames, subscriptions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames, c.subscriptions
}

// sixNodes starts six nodes and returns them with a room whose home is b, the transports, and
// a node that keeps no frames of the room.
func sixNodes(t *testing.T, net *network) (nodes map[string]*node, room, other string, transports map[string]*counting) {
	t.Helper()
	r := newRooms(8, 100)
	nodes, transports = map[string]*node{}, map[string]*counting{}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		transports[id] = &counting{Transport: net.port(id)}
		nodes[id] = startNode(t, id, options{rooms: r, transport: transports[id]})
	}
	await(t, nodes, 6)
	room = homed(t, nodes, r, "b")
	if _, err := nodes["b"].engine.SendEvent(t.Context(), room, "first", nil); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	for id, n := range nodes {
		if !n.LastDelivered(room).Known {
			other = id
		}
	}
	if other == "" {
		t.Fatal("all nodes have the frames of a room that three should keep")
	}
	return nodes, room, other, transports
}

// TestInterest sends frames in rooms whose members are on one node of six: the nodes that
// neither have members nor keep the room get nothing.
func TestInterest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, room, _, transports := sixNodes(t, newNetwork(t, 1))
		nodes["f"].join(t, room)
		before := map[string]int{}
		for id, c := range transports {
			before[id], _ = c.count()
		}
		for i := range 10 {
			if err := nodes["f"].say(t, room, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		got := 0
		for id, c := range transports {
			if n, _ := c.count(); n > before[id] {
				got++
			}
		}
		if got < 2 || got > 3 {
			t.Errorf("%d nodes received frames, want two keepers and the node with members, which may be one of them", got)
		}
		if said := strings.Join(nodes["f"].clients[room].Contents(), ""); said != "0123456789" {
			t.Errorf("the client received %q", said)
		}
	})
}

// TestAskedWithoutMembers asks for operations at a node that has no members of the room and
// gets no frames of it.
func TestAskedWithoutMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, room, other, transports := sixNodes(t, newNetwork(t, 1))
		member := nodes["a"]
		if other == "a" {
			member = nodes["c"]
		}
		c := member.join(t, room)
		before, _ := transports[other].count()
		began := time.Now()
		id, err := nodes[other].engine.SendEvent(t.Context(), room, "e", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := nodes[other].engine.DisconnectUser(t.Context(), room, member.id, "away", ""); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the answers took %s: they waited for frames that do not come", took)
		}
		time.Sleep(100 * time.Millisecond)
		if ids := c.IDs(); len(ids) != 2 || ids[0] != id || c.endedBy() == "" {
			t.Errorf("the member received %v and ended by %q", ids, c.endedBy())
		}
		if after, _ := transports[other].count(); after != before {
			t.Errorf("the node that asked received %d messages with frames", after-before)
		}
		// A new session of the user may speak there, at once.
		nodes[other].clients[room] = nodes[other].joinAs(t, room, member.id)
		if err := nodes[other].say(t, room, "again"); err != nil {
			t.Error(err)
		}
	})
}

// TestEnterBesideHeldFrame has a client join while a frame of the room is at its home only:
// the frame is behind the place where the node enters, so it comes, and is safe then.
func TestEnterBesideHeldFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork(t, 1)
		nodes, room, other, _ := sixNodes(t, net)
		net.losing(func(from, to, subject string) bool {
			return from == "b" && to != other && strings.HasSuffix(subject, ".frames") || from != other && strings.HasSuffix(subject, ".stream")
		})
		done := make(chan error, 1)
		go func() {
			_, err := nodes["b"].engine.SendEvent(t.Context(), room, "e", nil)
			done <- err
		}()
		time.Sleep(50 * time.Millisecond)
		c := nodes[other].join(t, room)
		time.Sleep(50 * time.Millisecond)
		select {
		case err := <-done:
			if got := len(c.Audience.IDs()); err != nil || got != 1 {
				t.Errorf("the home answered %v, and the room on the node received %d frames", err, got)
			}
		default:
			t.Error("the frame is not safe, although the node that has entered should have it")
		}
		net.heal()
	})
}

// TestEnterWithoutHome has a client join while the room's home is dead: it waits for the
// next home, and receives what is said then.
func TestEnterWithoutHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		nodes := map[string]*node{}
		for _, id := range []string{"a", "b", "c"} {
			nodes[id] = startNode(t, id, options{rooms: r, transport: net.port(id)})
			nodes[id].port = net.ports[id]
		}
		await(t, nodes, 3)
		room := homed(t, nodes, r, "b")
		nodes["b"].port.kill()
		delete(nodes, "b")
		c := nodes["a"].join(t, room)
		if home := nodes["a"].Owner(room); home == "b" {
			t.Error("the client joined without a home")
		}
		if _, err := nodes["c"].engine.SendEvent(t.Context(), room, "e", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if len(c.IDs()) != 1 {
			t.Errorf("the client received %d frames, want 1", len(c.IDs()))
		}
	})
}

// TestRoomsComeAndGo has members come to many rooms and leave them: NATS has no more
// subscriptions, and the nodes send no more frames to where members were.
func TestRoomsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, room, other, transports := sixNodes(t, newNetwork(t, 1))
		_, before := transports[other].count()
		n := nodes[other]
		for range 50 {
			for i := range 8 {
				if _, err := n.Enter(t.Context(), roomID(i)); err != nil {
					t.Fatal(err)
				}
				n.Leave(roomID(i))
			}
		}
		time.Sleep(time.Second)
		frames, after := transports[other].count()
		if after != before {
			t.Errorf("%d subscriptions, %d before", after, before)
		}
		if _, err := nodes["b"].engine.SendEvent(t.Context(), room, "e", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if now, _ := transports[other].count(); now != frames {
			t.Error("a node without members received a frame")
		}
		if _, err := n.Enter(t.Context(), room); err != nil {
			t.Error(err)
		}
		if _, err := nodes["b"].engine.SendEvent(t.Context(), room, "e", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if now, _ := transports[other].count(); now != frames+1 {
			t.Errorf("%d messages with frames, want 1", now-frames)
		}
	})
}

// TestEnterFails has a client join at a node that no home answers: its token stays unspent.
func TestEnterFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		nodes := start(t, net, r, "a", "b")
		net.losing(func(_, _, subject string) bool { return strings.HasSuffix(subject, ".enter") })
		r.Add(messagingtest.NewRoom("another"))
		asks := nodes["a"]
		if asks.Owner("another") == "a" {
			asks = nodes["b"]
		}
		began, spent := time.Now(), r.Spent()
		_, err := asks.engine.Join(t.Context(), messagingtest.Token("another", "u", time.Now()), &messagingtest.Client{}, messaging.Client{})
		if chat.CodeOf(err) != chat.Unavailable || r.Spent() != spent {
			t.Errorf("got %v, and %d tokens were spent, want Unavailable and none", err, r.Spent()-spent)
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
