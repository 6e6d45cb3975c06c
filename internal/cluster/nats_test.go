package cluster_test

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

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

// TestExistingNATSLost lets nodes use a NATS that goes away and comes back.
func TestExistingNATSLost(t *testing.T) {
	serve := func(port int) *server.Server {
		s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("NATS is not ready")
		}
		t.Cleanup(s.Shutdown)
		return s
	}
	s := serve(server.RANDOM_PORT)
	r := newRooms(4, 100)
	nodes := map[string]*node{}
	for _, id := range []string{"a", "b"} {
		conn, err := nats.Open(nats.Options{Name: id, URL: s.ClientURL(), Log: testLog(t, id)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		nodes[id] = newNode(t, id, options{rooms: r, transport: conn})
		t.Cleanup(nodes[id].stop)
		if err := nodes[id].Start(canceled()); err != nil {
			t.Fatal(err)
		}
	}
	await(t, nodes, 2)
	for room := range r.rooms {
		nodes["a"].join(t, room)
		nodes["b"].join(t, room)
	}
	port := s.Addr().(*net.TCPAddr).Port
	s.Shutdown()
	s.WaitForShutdown()
	for id, n := range nodes {
		await(t, map[string]*node{id: n}, 1)
		if err := n.say(t, roomID(0), "alone "+id); err != nil {
			t.Errorf("%s without NATS: %v", id, err)
		}
		if said := n.clients[roomID(0)].contents(); len(said) == 0 || said[len(said)-1] != "alone "+id {
			t.Errorf("%s did not hear itself without NATS: %v", id, said)
		}
	}
	serve(port)
	await(t, nodes, 2)
	if err := nodes["a"].say(t, roomID(1), "together"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message on b", func() bool { return len(nodes["b"].clients[roomID(1)].contents()) == 1 })
}
