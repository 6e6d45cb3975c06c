package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestHeartbeatsTogether starts nodes one after another, and counts the moments at which
// heartbeats are sent: an idle node wakes up for each of them. When the first member is gone, the
// others follow the next one.
func TestHeartbeatsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 8
		net, r := newNetwork(t, 1), newRooms(0, 100)
		nodes := map[string]*node{}
		for i := range count {
			id := fmt.Sprint("n", i)
			nodes[id] = startNode(t, id, options{rooms: r, transport: net.port(id)})
			time.Sleep(29 * time.Millisecond)
		}
		await(t, nodes, count)
		time.Sleep(3 * time.Second)
		check := func(when string, senders int) {
			t.Helper()
			var mu sync.Mutex
			sent := map[string][]time.Time{}
			net.losing(func(from, _, subject string) bool {
				mu.Lock()
				defer mu.Unlock()
				if at := sent[from]; strings.HasSuffix(subject, ".beats") && (len(at) == 0 || !at[len(at)-1].Equal(time.Now())) {
					sent[from] = append(at, time.Now())
				}
				return false
			})
			time.Sleep(2 * time.Second)
			mu.Lock()
			defer mu.Unlock()
			var all []time.Time
			for id, at := range sent {
				if n := len(at); n < 9 || n > 11 {
					t.Errorf("%s: %s has sent %d heartbeats in two seconds, want one each 200 ms", when, id, n)
				}
				all = append(all, at...)
			}
			slices.SortFunc(all, time.Time.Compare)
			moments := 0
			var last time.Time
			for _, at := range all {
				if at.Sub(last) > 5*time.Millisecond {
					moments++
				}
				last = at
			}
			if len(sent) != senders || moments > 11 {
				t.Errorf("%s: %d nodes have sent heartbeats at %d moments in two seconds, want %d at 11 moments at most", when, len(sent), moments, senders)
			}
		}
		check("eight nodes", count)
		net.ports["n0"].kill()
		delete(nodes, "n0")
		await(t, nodes, count-1)
		time.Sleep(3 * time.Second)
		check("without the first one", count-1)
	})
}
