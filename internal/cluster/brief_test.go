package cluster_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/cluster"
)

// TestLeasesOfManyNodes has more nodes than a mark of a brief heartbeat has values, whose
// heartbeats come one after another: all homes keep their leases.
func TestLeasesOfManyNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 32
		net, r := newNetwork(t, 1), newRooms(40, 100)
		nodes := map[string]*node{}
		for i := range count {
			id := fmt.Sprintf("n%02d", i)
			nodes[id] = startNode(t, id, options{rooms: r, transport: net.port(id)})
			time.Sleep(200 * time.Millisecond / count)
		}
		await(t, nodes, count)
		time.Sleep(3 * time.Second) // Heartbeats are brief from the first on.
		for range 3 {
			time.Sleep(137 * time.Millisecond)
			for _, room := range r.RoomIDs() {
				began := time.Now()
				if _, err := nodes["n00"].engine.SendEvent(t.Context(), room, "e", nil); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 100*time.Millisecond {
					t.Fatalf("an event took %s: its home has no lease", took)
				}
			}
		}
	})
}

// TestOnlyReceives starts a node that receives what others send and cannot send: it knows that it
// is not alone, also when it gets brief heartbeats from the beginning.
func TestOnlyReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(4, 100)
		nodes := start(t, net, r, "a", "b")
		time.Sleep(5 * time.Second) // The next full heartbeat is more than 1.5 s away.
		net.losing(func(from, to, _ string) bool { return from == "c" || to == "c" && from == "b" })
		c := startNode(t, "c", options{rooms: r, transport: net.port("c")})
		time.Sleep(10 * time.Second)
		if v := c.View(); v.ID.Number > 0 || c.Ready() == nil {
			t.Errorf("it has view %v; ready: %v", v, c.Ready())
		}
		net.heal()
		nodes["c"] = c
		await(t, nodes, 3)
	})
}

// missing is the transport of a node to which full heartbeats are lost until it asks for one.
type missing struct {
	cluster.Transport
	asked *atomic.Int32
}

func (m missing) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	if strings.HasSuffix(subject, ".beat") {
		m.asked.Add(1)
	}
	return m.Transport.Request(ctx, subject, data)
}

func (m missing) Subscribe(subject string, handle func(string, []byte, func([]byte))) error {
	return m.Transport.Subscribe(subject, func(subject string, data []byte, reply func([]byte)) {
		if !strings.HasSuffix(subject, ".beats") || data[0] != '{' || m.asked.Load() > 0 {
			handle(subject, data, reply)
		}
	})
}

// TestAsksForFullHeartbeats has a node join that cannot read what the others send: it asks each
// of them.
func TestAsksForFullHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(4, 100)
		nodes := start(t, net, r, "a", "b")
		m := missing{net.port("c"), new(atomic.Int32)}
		nodes["c"] = startNode(t, "c", options{rooms: r, transport: m})
		await(t, nodes, 3)
		if m.asked.Load() < 2 {
			t.Errorf("it asked %d times, want each of two nodes", m.asked.Load())
		}
		for _, room := range r.RoomIDs() {
			nodes["c"].join(t, room)
		}
		speak(t, nodes, r, "on")
	})
}
