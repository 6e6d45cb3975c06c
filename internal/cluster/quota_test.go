package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/quota"
)

// TestSharedQuota lets three nodes use one rate at once, more than it allows.
func TestSharedQuota(t *testing.T) {
	const limit = 100
	cluster := func(t *testing.T, use func(nodes map[string]*node, sets map[string]*quota.Set, net *network)) {
		synctest.Test(t, func(t *testing.T) {
			net := newNetwork(t, 1)
			nodes, sets := map[string]*node{}, map[string]*quota.Set{}
			for _, id := range []string{"a", "b", "c"} {
				sets[id] = quota.New(quota.Numbers{quota.DeleteMessage: limit}, time.Now)
				nodes[id] = newNode(t, id, options{rooms: newRooms(0, 10), transport: net.port(id), quotas: sets[id]})
				nodes[id].port = net.ports[id]
				t.Cleanup(nodes[id].stop)
				if err := nodes[id].Start(canceled()); err != nil {
					t.Fatal(err)
				}
			}
			await(t, nodes, 3)
			use(nodes, sets, net)
		})
	}
	// passed counts what passes in ten seconds when each node asks 200 times a second.
	passed := func(ctx context.Context, sets map[string]*quota.Set) int {
		count := 0
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			for _, s := range sets {
				if s.Allow(ctx, quota.DeleteMessage) {
					count++
				}
			}
		}
		return count
	}
	t.Run("all nodes together keep to the rate within 5 %", func(t *testing.T) {
		cluster(t, func(_ map[string]*node, sets map[string]*quota.Set, _ *network) {
			// A full bucket, and ten seconds of refill.
			if got := passed(t.Context(), sets); got < 11*limit*95/100 || got > 11*limit*105/100 {
				t.Errorf("%d requests passed, %d may", got, 11*limit)
			}
		})
	})
	t.Run("without a keeper that answers, each node has its share", func(t *testing.T) {
		cluster(t, func(_ map[string]*node, sets map[string]*quota.Set, net *network) {
			net.part([]string{"a"}, []string{"b", "c"})
			net.part([]string{"b"}, []string{"c"})
			began := time.Now()
			count := 0
			for _, s := range sets {
				for range limit {
					if s.Allow(t.Context(), quota.DeleteMessage) {
						count++
					}
				}
			}
			// The keeper itself still has its full bucket; the others a third each.
			most := limit + 2*limit/3 + int(2*limit*time.Since(began).Seconds()) + 2
			if count < limit || count > most {
				t.Errorf("%d requests passed, at most %d may", count, most)
			}
		})
	})
}

func TestConnectionsOfAllNodes(t *testing.T) {
	nodes := start(t, newNetwork(t, 1), newRooms(2, 10), "a", "b", "c")
	began := time.Now()
	for id, n := range nodes {
		eventually(t, "the connections of the others at "+id, func() bool { return n.OtherConnections() == 4 })
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
	nodes["c"].port.kill()
	delete(nodes, "c")
	await(t, nodes, 2)
	if n := nodes["a"].OtherConnections(); n != 2 {
		t.Errorf("a counts %d connections elsewhere after c died, want 2", n)
	}
}

// TestRateOfMovedRoom checks that a home that gets a room's history does not take
// old messages for those of the last second.
func TestRateOfMovedRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 10
		net, r := newNetwork(t, 1), newRooms(30, rate)
		nodes := start(t, net, r, "a", "b")
		for range 14 {
			for _, room := range r.RoomIDs() {
				if err := nodes["a"].say(t, room, "earlier"); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		c := joinNode(t, net, r, nodes, "c")
		moved := 0
		for _, room := range r.RoomIDs() {
			if c.Owner(room) != "c" {
				continue
			}
			moved++
			for i := range rate / 2 {
				if err := nodes["a"].say(t, room, fmt.Sprint(i)); err != nil {
					t.Errorf("%s, message %d: %v", room, i, err)
				}
			}
		}
		if moved == 0 {
			t.Fatal("no room has moved to c")
		}
	})
}
