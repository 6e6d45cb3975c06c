package cluster_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"confab/internal/nats"
)

// startNATS starts nodes that form a NATS cluster among themselves.
func startNATS(t testing.TB, r *rooms, ids ...string) map[string]*node {
	t.Helper()
	nodes := map[string]*node{}
	var peers []string
	for _, id := range ids {
		conn, err := nats.Open(nats.Options{Name: id, Listen: "127.0.0.1:0", Peers: peers, Secret: "secret", Log: testLog(t, id)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		peers = append(peers, "nats://"+conn.Address().String())
		nodes[id] = newNode(t, id, options{rooms: r, transport: conn})
		nodes[id].conn = conn
		t.Cleanup(nodes[id].stop)
		if err := nodes[id].Start(canceled()); err != nil {
			t.Fatal(err)
		}
	}
	await(t, nodes, len(ids))
	for id := range r.rooms {
		for _, n := range nodes {
			n.join(t, id)
		}
	}
	return nodes
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestTwoEnginesOverNATS(t *testing.T) {
	nodes := startNATS(t, newRooms(4, 100), "a", "b")
	var senders sync.WaitGroup
	for id, n := range nodes {
		for room := range n.clients {
			senders.Go(func() {
				for i := range 10 {
					if err := n.say(t, room, fmt.Sprint(id, i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	senders.Wait()
	for room := range nodes["a"].clients {
		eventually(t, "all frames", func() bool { return len(heard(nodes, room)["a"]) == 20 && len(heard(nodes, room)["b"]) == 20 })
		if wrong := sameOrder(heard(nodes, room)); wrong != "" {
			t.Error(wrong)
		}
	}
}
