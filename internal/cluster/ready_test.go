package cluster_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/cluster"
)

// A load balancer that asks while nodes join and leave finds those that stay ready.
func TestReadyForBalancers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		nodes := start(t, net, r, "a", "b")
		done := make(chan struct{})
		var probes sync.WaitGroup
		var changing int
		for id, n := range nodes {
			probes.Go(func() {
				for {
					select {
					case <-done:
						return
					case <-time.After(time.Millisecond):
					}
					if err := cluster.Settled(t.Context(), n.Node); err != nil {
						t.Errorf("%s: %v", id, err)
					}
				}
			})
		}
		probes.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
				}
				if nodes["a"].Ready() != nil {
					changing++
				}
			}
		})
		c := startNode(t, "c", options{rooms: r, transport: net.port("c")})
		await(t, map[string]*node{"a": nodes["a"], "b": nodes["b"], "c": c}, 3)
		c.stop()
		await(t, nodes, 2)
		close(done)
		probes.Wait()
		if changing == 0 {
			t.Error("the rooms of a node were open all the time")
		}
	})
}
