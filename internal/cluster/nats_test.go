package cluster_test

import (
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"confab/internal/messagingtest"
	"confab/internal/nats"
)

// startNATS starts nodes that form a NATS cluster among themselves.
func startNATS(t testing.TB, r *messagingtest.Store, ids ...string) map[string]*node {
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
		nodes[id] = startNode(t, id, options{rooms: r, transport: conn})
		nodes[id].conn = conn
	}
	gather(t, nodes, r)
	return nodes
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func TestTwoEnginesOverNATS(t *testing.T) {
	nodes := startNATS(t, newRooms(4, 100), "a", "b")
	sayAll(t, nodes, 10, 0)
	for room := range nodes["a"].clients {
		eventually(t, "all frames", func() bool { return len(received(nodes, room)["a"]) == 20 && len(received(nodes, room)["b"]) == 20 })
		if wrong := sameOrder(received(nodes, room)); wrong != "" {
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
		nodes[id] = startNode(t, id, options{rooms: r, transport: conn})
	}
	gather(t, nodes, r)
	port := s.Addr().(*net.TCPAddr).Port
	s.Shutdown()
	s.WaitForShutdown()
	for id, n := range nodes {
		await(t, map[string]*node{id: n}, 1)
		if err := n.say(t, roomID(0), "alone "+id); err != nil {
			t.Errorf("%s without NATS: %v", id, err)
		}
		if said := n.clients[roomID(0)].Contents(); len(said) == 0 || said[len(said)-1] != "alone "+id {
			t.Errorf("%s did not receive its own message without NATS: %v", id, said)
		}
	}
	serve(port)
	await(t, nodes, 2)
	if err := nodes["a"].say(t, roomID(1), "together"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message on b", func() bool { return len(nodes["b"].clients[roomID(1)].Contents()) == 1 })
}
