package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// load is clients that send until they are stopped, and what was acknowledged.
type load struct {
	stop    chan struct{}
	senders sync.WaitGroup

	mu      sync.Mutex
	acked   map[string][]string // contents, by room
	longest time.Duration       // that an operation took
}

func startLoad(t testing.TB, nodes ...*node) *load {
	l := &load{stop: make(chan struct{}), acked: map[string][]string{}}
	for _, n := range nodes {
		for room := range n.clients {
			l.senders.Go(func() {
				tick := time.NewTicker(20 * time.Millisecond)
				defer tick.Stop()
				for i := 0; ; i++ {
					select {
					case <-l.stop:
						return
					case <-tick.C:
					}
					content := fmt.Sprint(n.id, "-", i)
					began := time.Now()
					err := n.say(t, room, content)
					l.mu.Lock()
					if err == nil {
						l.acked[room] = append(l.acked[room], content)
						l.longest = max(l.longest, time.Since(began))
					} else if c := chat.CodeOf(err); c != chat.Throttled && c != chat.Unavailable {
						t.Errorf("%s: %v", n.id, err)
					}
					l.mu.Unlock()
				}
			})
		}
	}
	return l
}

// end stops the load and checks that the nodes received the same, each
// acknowledged message once.
func (l *load) end(t testing.TB, nodes map[string]*node) {
	t.Helper()
	close(l.stop)
	l.senders.Wait()
	total := 0
	for room, acked := range l.acked {
		eventually(t, "one order in "+room, func() bool { return sameOrder(received(nodes, room)) == "" })
		for id, n := range nodes {
			count := map[string]int{}
			for _, c := range n.clients[room].Contents() {
				if count[c]++; count[c] > 1 {
					t.Fatalf("%s received %s twice in %s", id, c, room)
				}
			}
			for _, c := range acked {
				if count[c] != 1 {
					t.Fatalf("%s received %s %d times in %s, and it was acknowledged", id, c, count[c], room)
				}
			}
		}
		total += len(acked)
	}
	t.Logf("%d messages acknowledged; the slowest took %s", total, l.longest.Round(time.Millisecond))
	if total < 100 {
		t.Errorf("only %d messages were acknowledged", total)
	}
}

// run waits while the load continues.
func (l *load) run(d time.Duration) { <-time.After(d) }

func TestHomeKilledUnderLoad(t *testing.T) {
	nodes := startNATS(t, newRooms(6, 100), "a", "b", "c")
	l := startLoad(t, nodes["b"], nodes["c"])
	l.run(time.Second)
	nodes["a"].conn.Close() // Its routes end in the middle of whatever it sends.
	delete(nodes, "a")
	await(t, nodes, 2)
	l.run(time.Second)
	l.end(t, nodes)
}

func TestHomesDrainUnderLoad(t *testing.T) {
	nodes := startNATS(t, newRooms(6, 100), "a", "b", "c")
	l := startLoad(t, nodes["b"], nodes["c"])
	l.run(500 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	nodes["a"].Drain(ctx)
	if ctx.Err() != nil {
		t.Error("the others did not take over in 5 s")
	}
	for room := range nodes["b"].clients {
		if nodes["a"].Owner(room) == "a" {
			t.Errorf("%s has its home on the node that drains", room)
		}
	}
	l.run(500 * time.Millisecond)
	left := nodes["a"]
	delete(nodes, "a")
	left.Close()
	await(t, nodes, 2)
	l.end(t, nodes)
	if l.longest > 2*time.Second {
		t.Errorf("a message took %s while homes moved in good order", l.longest)
	}
}

// TestStoppedNode stops a node as SIGSTOP would, for longer than the others
// wait, and lets it continue. Its own clients miss nothing.
func TestStoppedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := start(t, newNetwork(t, 1), newRooms(6, 100), "a", "b", "c")
		l := startLoad(t, nodes["a"], nodes["b"], nodes["c"])
		l.run(time.Second)
		stopped := nodes["a"]
		stopped.port.stop()
		rest := map[string]*node{"b": nodes["b"], "c": nodes["c"]}
		await(t, rest, 2)
		l.run(time.Second)
		stopped.port.resume()
		await(t, nodes, 3)
		l.run(time.Second)
		l.end(t, nodes)
	})
}

// TestPartition cuts a node off. Each side serves its own; afterwards all agree
// again.
func TestPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork(t, 1)
		nodes := start(t, net, newRooms(6, 100), "a", "b", "c")
		l := startLoad(t, nodes["a"], nodes["b"], nodes["c"])
		l.run(500 * time.Millisecond)
		net.part([]string{"a"}, []string{"b", "c"})
		await(t, map[string]*node{"b": nodes["b"], "c": nodes["c"]}, 2)
		await(t, map[string]*node{"a": nodes["a"]}, 1)
		for room := range nodes["a"].clients {
			if _, err := nodes["a"].engine.SendEvent(t.Context(), room, "alone", nil); err != nil {
				t.Errorf("the node that is alone: %v", err)
			}
		}
		net.heal()
		await(t, nodes, 3)
		before := map[string]int{}
		for room := range nodes["a"].clients {
			before[room] = len(nodes["a"].clients[room].IDs())
		}
		l.run(500 * time.Millisecond)
		close(l.stop)
		l.senders.Wait()
		for room, from := range before {
			eventually(t, "one order after the partition in "+room, func() bool {
				lists := received(nodes, room)
				after := lists["a"][from:]
				return len(after) > 0 && suffix(lists["b"], after) && suffix(lists["c"], after)
			})
			for id, list := range received(nodes, room) {
				if d := duplicate(list); d != "" {
					t.Errorf("%s received %s twice", id, d)
				}
			}
		}
	})
}

// TestRateMovesWithHome takes a room's home away in the middle of a second.
func TestRateMovesWithHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRooms(8, 10)
		nodes := start(t, newNetwork(t, 1), r, "a", "b", "c")
		room := homed(t, nodes, r, "a")
		send := func(count int) (accepted int) {
			for i := range count {
				op := messaging.Operation{
					Action: chat.ActionSendMessage, RoomID: room, ID: chat.NewID(),
					Content: fmt.Sprint(i), UserID: "u", Received: time.Now(),
				}
				if _, err := nodes["b"].Do(t.Context(), op); err == nil {
					accepted++
				} else if chat.CodeOf(err) != chat.Throttled {
					t.Fatal(err)
				}
			}
			return accepted
		}
		began := time.Now()
		accepted := send(12)
		nodes["a"].Drain(t.Context())
		accepted += send(12)
		// The bucket holds ten and gets ten a second.
		if most := 10 + int(10*time.Since(began).Seconds()) + 1; accepted < 10 || accepted > most {
			t.Errorf("%d messages passed in %s, at most %d may", accepted, time.Since(began), most)
		}
	})
}
