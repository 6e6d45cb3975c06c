package cluster_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefused starts a node that the others reject, then lets it join, then cuts it off
// again.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		wrong := errors.New("another secret")
		var out atomic.Bool
		refused := func(met bool) error {
			if out.Load() && !met {
				return wrong
			}
			return nil
		}
		begin := func(id string) *node {
			n := newNode(t, id, options{rooms: r, transport: net.port(id), refused: refused})
			n.port = net.ports[id]
			t.Cleanup(n.stop)
			began := time.Now()
			if err := n.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("the start of %s waited %s", id, took)
			}
			return n
		}
		// The first of all is ready while there is no other.
		first := begin("a")
		await(t, map[string]*node{"a": first}, 1)
		if err := first.Ready(); err != nil {
			t.Errorf("the first node is not ready: %v", err)
		}
		net.part([]string{"a"}, []string{"b"})
		out.Store(true)
		b := begin("b")
		time.Sleep(time.Second)
		for _, n := range []*node{first, b} {
			if err := n.Ready(); !errors.Is(err, wrong) {
				t.Errorf("%s, alone and refused: %v", n.id, err)
			}
		}
		net.heal()
		both := map[string]*node{"a": first, "b": b}
		await(t, both, 2)
		time.Sleep(time.Second)
		for _, n := range both {
			if err := n.Ready(); err != nil {
				t.Errorf("%s sees the other and is not ready: %v", n.id, err)
			}
		}
		// Both have met others now, which the transport learns.
		net.part([]string{"a"}, []string{"b"})
		time.Sleep(5 * time.Second)
		for _, n := range both {
			if err := n.Ready(); err != nil {
				t.Errorf("%s, which has met the other: %v", n.id, err)
			}
		}
	})
}
