package cluster_test

import (
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// TestAskedAgainOfYoungHome loses the answer to an operation, and the home that
// carried it out. The node that becomes the home joined afterwards, and lacks the last
// frames besides.
func TestAskedAgainOfYoungHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(40, 100)
		nodes := start(t, net, r, "a", "b")
		op := func(room string) messaging.Operation {
			return messaging.Operation{Action: chat.ActionSendMessage, RoomID: room, ID: chat.NewID(), Content: "once", UserID: "u", Received: time.Now()}
		}
		asked := map[string]messaging.Operation{}
		for _, room := range r.RoomIDs() {
			if nodes["a"].Owner(room) != "b" {
				continue
			}
			asked[room] = op(room)
			if _, err := nodes["a"].Do(t.Context(), asked[room]); err != nil {
				t.Fatal(err)
			}
		}
		c := joinNode(t, net, r, nodes, "c")
		// c receives some of the room's frames, and not the last.
		for room := range asked {
			if nodes["a"].Owner(room) == "b" {
				if err := nodes["a"].say(t, room, "behind"); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Second)
		net.losing(func(from, to, _ string) bool { return from == "b" && to == "c" })
		for room := range asked {
			if nodes["a"].Owner(room) == "b" {
				if err := nodes["a"].say(t, room, "not delivered at c"); err != nil {
					t.Fatal(err)
				}
			}
		}
		nodes["b"].port.kill()
		delete(nodes, "b")
		await(t, nodes, 2)
		again := 0
		for room, o := range asked {
			if c.Owner(room) != "c" {
				continue
			}
			again++
			if _, err := nodes["a"].Do(t.Context(), o); err != nil {
				t.Error(err)
			}
			time.Sleep(10 * time.Millisecond)
			if n := times(nodes["a"].clients[room].Contents(), "once"); n != 1 {
				t.Errorf("%s: received %d times", room, n)
			}
			if _, err := c.engine.Sequence(t.Context(), o); err != nil {
				t.Error(err)
			}
			time.Sleep(10 * time.Millisecond)
			if n := times(nodes["a"].clients[room].Contents(), "once"); n != 1 {
				t.Errorf("%s: received %d times after it was asked at its home", room, n)
			}
		}
		if again == 0 {
			t.Fatal("no room has moved from b to c")
		}
	})
}

// joinNode has one more node come to the others.
func joinNode(t *testing.T, net *network, r *messagingtest.Store, nodes map[string]*node, id string) *node {
	t.Helper()
	n := newNode(t, id, options{rooms: r, transport: net.port(id)})
	n.port = net.ports[id]
	t.Cleanup(n.stop)
	if err := n.Start(canceled()); err != nil {
		t.Fatal(err)
	}
	nodes[id] = n
	await(t, nodes, len(nodes))
	return n
}

func times(all []string, one string) int {
	count := 0
	for _, s := range all {
		if s == one {
			count++
		}
	}
	return count
}
