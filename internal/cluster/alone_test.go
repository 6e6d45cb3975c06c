package cluster_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPromiseLost has a node that was stopped ask the other, which continued
// without it, for a view with both, and loses the questions for a while. The two
// reach each other, so neither may continue alone from where it was: what one of them
// acknowledged meanwhile the other would never receive.
func TestPromiseLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		nodes := start(t, net, r, "a", "b")
		nodes["a"].port.stop()
		await(t, map[string]*node{"b": nodes["b"]}, 1)
		l := startLoad(t, nodes["a"], nodes["b"])
		l.run(500 * time.Millisecond)
		net.losing(func(_, _, subject string) bool { return strings.HasSuffix(subject, ".prepare") })
		nodes["a"].port.resume()
		alone := false
		for range 300 {
			time.Sleep(10 * time.Millisecond)
			alone = alone || len(nodes["a"].View().Members) == 1
		}
		if alone {
			t.Error("a continued alone, although it sees b")
		}
		net.heal()
		await(t, nodes, 2)
		l.run(time.Second)
		l.end(t, nodes)
	})
}

// TestAloneSoon limits how long a node that is cut off from four waits until it
// continues alone, although the four do not time out at the same tick.
func TestAloneSoon(t *testing.T) {
	for phase := range 8 {
		synctest.Test(t, func(t *testing.T) {
			net := newNetwork(t, uint64(phase))
			net.delay = 33 * time.Millisecond
			r, nodes := newRooms(1, 10), map[string]*node{}
			for i, id := range []string{"a", "b", "c", "d", "e"} {
				n := newNode(t, id, options{rooms: r, transport: net.port(id)})
				n.port = net.ports[id]
				t.Cleanup(n.stop)
				if err := n.Start(canceled()); err != nil {
					t.Fatal(err)
				}
				nodes[id] = n
				time.Sleep(time.Duration(37+i*11) * time.Millisecond)
			}
			await(t, nodes, 5)
			time.Sleep(time.Second + time.Duration(phase)*23*time.Millisecond)
			net.part([]string{"a"}, []string{"b", "c", "d", "e"})
			began := time.Now()
			await(t, map[string]*node{"a": nodes["a"]}, 1)
			if d := time.Since(began); d > 2500*time.Millisecond {
				t.Errorf("phase %d: alone after %v", phase, d)
			}
		})
	}
}
