package cluster_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"confab/internal/chat"
)

// acknowledged are the contents of a room's messages that were acknowledged.
type acknowledged struct {
	mu  sync.Mutex
	ids map[string]bool
}

// TestFaults lets nodes crash, leave, come and drain while the network loses
// messages, and holds what every client heard against what was acknowledged.
func TestFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		loss := rapid.IntRange(0, 50).Draw(rt, "loss")
		delay := rapid.IntRange(0, 40).Draw(rt, "delay")
		events := rapid.SliceOfN(rapid.SampledFrom([]string{"crash", "leave", "join", "drain", "wait", "wait"}), 1, 6).Draw(rt, "events")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = fault(t, seed, loss, time.Duration(delay)*time.Millisecond, events) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// fault runs one round and returns what went wrong.
func fault(t *testing.T, seed uint64, loss int, delay time.Duration, events []string) string {
	net := newNetwork(t, seed)
	net.delay = delay
	r := newRooms(3, 100)
	nodes := start(t, net, r, "a", "b", "z")
	net.mu.Lock()
	net.loss = loss
	net.mu.Unlock()

	acked := map[string]*acknowledged{}
	for room := range r.rooms {
		acked[room] = &acknowledged{ids: map[string]bool{}}
	}
	crashed := map[string]map[string][]string{} // what they had heard, by room
	var senders sync.WaitGroup
	stop := make(chan struct{})
	send := func(n *node, room string) {
		senders.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(20+len(n.id)*7) * time.Millisecond):
				}
				content := fmt.Sprint(n.id, "-", i)
				err := n.say(t, room, content)
				if e, ok := errors.AsType[*chat.Error](err); err != nil && (!ok || e.Code != chat.Unavailable && e.Code != chat.Throttled) {
					t.Errorf("%s: %v", n.id, err)
				}
				if err == nil && n.port.alive() {
					acked[room].mu.Lock()
					acked[room].ids[content] = true
					acked[room].mu.Unlock()
				}
			}
		})
	}
	for _, n := range nodes {
		for room := range r.rooms {
			send(n, room)
		}
	}
	joined := map[string]bool{}
	for i, e := range events {
		time.Sleep(700 * time.Millisecond)
		ids := []string{}
		for id := range nodes {
			if id != "z" { // It sees everything from the beginning to the end.
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		victim := ""
		if len(ids) > 0 {
			victim = ids[int((seed>>uint(i))%uint64(len(ids)))]
		}
		switch {
		case e == "crash" && victim != "":
			nodes[victim].port.kill()
			crashed[victim] = lastWords(nodes[victim])
			delete(nodes, victim)
			// One failure at a time: the next comes when the others have agreed.
			await(t, nodes, len(nodes))
		case e == "leave" && victim != "":
			ctx := t.Context()
			nodes[victim].Drain(ctx)
			nodes[victim].Close()
			nodes[victim].port.kill()
			crashed[victim] = lastWords(nodes[victim])
			delete(nodes, victim)
		case e == "drain" && victim != "":
			nodes[victim].Drain(t.Context())
		case e == "join":
			id := fmt.Sprint(string(rune('A'+i)), i)
			nodes[id] = newNode(t, id, options{rooms: r, transport: net.port(id)})
			nodes[id].port = net.ports[id]
			t.Cleanup(nodes[id].stop)
			if err := nodes[id].Start(canceled()); err != nil {
				return err.Error()
			}
			await(t, nodes, len(nodes))
			joined[id] = true
			for room := range r.rooms {
				nodes[id].join(t, room)
			}
			for room := range r.rooms {
				send(nodes[id], room)
			}
		}
	}
	time.Sleep(time.Second)
	net.heal()
	close(stop)
	senders.Wait()
	time.Sleep(3 * time.Second)
	await(t, nodes, len(nodes))

	// All who are left heard one order; who joined later heard the end of it.
	for room := range r.rooms {
		lists := heard(nodes, room)
		whole := lists["z"]
		for id, l := range lists {
			whole := whole
			if joined[id] && len(l) > 0 {
				whole = whole[max(0, slices.Index(whole, l[0])):]
			}
			switch {
			case joined[id] && !suffix(whole, l), !joined[id] && strings.Join(whole, " ") != strings.Join(l, " "):
				return fmt.Sprintf("%s %s: %s", room, id, difference(whole, l))
			}
		}
		for id, words := range crashed {
			if l := words[room]; !prefixIn(whole, l) && !joined[id] {
				return fmt.Sprintf("%s crashed %s heard what others did not: %s", room, id, difference(whole, l))
			}
		}
		if d := duplicate(whole); d != "" {
			return fmt.Sprintf("%s: %s twice", room, d)
		}
		contents := map[string]int{}
		for _, c := range nodes["z"].clients[room].contents() {
			contents[c]++
			if contents[c] > 1 {
				return fmt.Sprintf("%s: %s was heard twice", room, c)
			}
		}
		for c := range acked[room].ids {
			if contents[c] != 1 {
				return fmt.Sprintf("%s: %s was acknowledged and heard %d times", room, c, contents[c])
			}
		}
	}
	return ""
}

// lastWords is what a node has heard, by room.
func lastWords(n *node) map[string][]string {
	words := map[string][]string{}
	for room, c := range n.clients {
		words[room] = c.ids()
	}
	return words
}

func suffix(whole, l []string) bool {
	return len(l) <= len(whole) && slices.Equal(whole[len(whole)-len(l):], l)
}

func prefixIn(whole, l []string) bool {
	if len(l) > len(whole) {
		return false
	}
	return slices.Equal(whole[:len(l)], l)
}

func duplicate(l []string) string {
	seen := map[string]bool{}
	for _, id := range l {
		if seen[id] {
			return id
		}
		seen[id] = true
	}
	return ""
}

// difference says where two lists part.
func difference(a, b []string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("%d and %d frames, they part at %d: %v / %v", len(a), len(b), i, a[i:min(len(a), i+4)], b[i:min(len(b), i+4)])
}
