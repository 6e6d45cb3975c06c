package cluster_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"confab/internal/chat"
	"confab/internal/cluster"
	"confab/internal/messagingtest"
)

// trial is a cluster under faults, and what its clients sent and received.
type trial struct {
	t     *testing.T
	net   *network
	rooms *messagingtest.Store
	rand  *rand.Rand
	nodes map[string]*node // alive; z sees everything from the beginning to the end
	// joined are the nodes that came later; left what those that are gone had
	// received, by room.
	joined map[string]bool
	left   map[string]map[string][]string
	// sides has a letter for every partition: nodes with equal ones were always
	// together. z is always A.
	sides map[string]string

	stop    chan struct{}
	senders sync.WaitGroup

	mu    sync.Mutex
	acked map[string]map[string]string // to which node, by room and content
	// parted is when partitions began, and apart says that the last one is not over.
	parted []time.Time
	apart  bool
	guests []*guest
	said   []said // in the rooms of guests
	// places is how often each frame was published. An operation that both sides of a partition
	// carry out has a second place in the order, where those that got it before skip it.
	places map[string]int
}

// TestFaults has nodes crash, leave, join, drain, be suspended and be partitioned while
// the network loses messages, and compares what every client received with what was
// acknowledged. Clients of all nodes are in some rooms all the time; to others they come
// and go, so that there are nodes without sessions of a room, and rooms without any.
func TestFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		loss := rapid.IntRange(0, 50).Draw(rt, "loss")
		delay := rapid.IntRange(0, 40).Draw(rt, "delay")
		events := rapid.SliceOfN(rapid.SampledFrom([]string{"crash", "leave", "join", "join", "join old", "join previous", "drain", "stop", "stop", "partition", "partition", "wait"}), 1, 6).Draw(rt, "events")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = fault(t, seed, loss, time.Duration(delay)*time.Millisecond, events) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// TestFaultsOfOldLogs plays rounds in which operations are asked for again of
// homes that came after they were carried out, and have missed frames besides. No
// seed decides everything, so each is only likely to show what it found.
func TestFaultsOfOldLogs(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			if wrong := fault(t, seed, 49, time.Millisecond, []string{"stop", "join", "crash", "crash", "leave", "stop"}); wrong != "" {
				t.Errorf("seed %d: %s", seed, wrong)
			}
		})
	}
}

// TestFaultsOfStaleProposals has a partition end while nodes agree on the view
// without those behind it.
func TestFaultsOfStaleProposals(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			if wrong := fault(t, 10+seed, 20, 33*time.Millisecond, []string{"wait", "join", "join", "partition"}); wrong != "" {
				t.Errorf("seed %d: %s", seed, wrong)
			}
		})
	}
}

// fault runs one round and returns what went wrong.
func fault(t *testing.T, seed uint64, loss int, delay time.Duration, events []string) string {
	w := &trial{
		t: t, net: newNetwork(t, seed), rooms: newRooms(3, 100), rand: rand.New(rand.NewPCG(seed, 1)),
		joined: map[string]bool{}, left: map[string]map[string][]string{}, sides: map[string]string{},
		stop: make(chan struct{}), acked: map[string]map[string]string{}, places: map[string]int{},
	}
	w.net.delay = delay
	w.nodes = startNodes(t, w.net, w.rooms, func(string) options { return options{published: w.published} }, "a", "b", "z")
	for _, room := range guestRooms {
		r := messagingtest.NewRoom(room)
		r.MaximumMessageRatePerSecond = 100
		w.rooms.Add(r)
	}
	for _, n := range w.nodes {
		w.visit(n, seed)
	}
	w.net.mu.Lock()
	w.net.loss = loss
	w.net.mu.Unlock()
	for _, room := range w.full() {
		w.acked[room] = map[string]string{}
	}
	for _, n := range w.nodes {
		w.sendFrom(n)
	}
	for i, e := range events {
		time.Sleep(700 * time.Millisecond)
		w.inject(i, e)
		// One failure at a time: the next comes when all have agreed.
		await(t, w.nodes, len(w.nodes))
		w.mu.Lock()
		w.apart = false
		w.mu.Unlock()
	}
	time.Sleep(time.Second)
	w.net.heal()
	close(w.stop)
	w.senders.Wait()
	time.Sleep(3 * time.Second)
	await(t, w.nodes, len(w.nodes))
	if wrong := w.check(); wrong != "" {
		return wrong
	}
	if wrong := w.checkGuests(); wrong != "" {
		return wrong
	}
	return w.agree()
}

// published notes that a frame has a place in the order.
func (w *trial) published(f *chat.Frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.places[f.ID]++
}

// once returns what was received without the operations that have two places, if there was a
// partition. ids are those of what was received.
func (w *trial) once(list, ids []string) []string {
	if len(w.parted) == 0 {
		return list
	}
	var once []string
	for i, key := range list {
		if w.places[ids[i]] < 2 {
			once = append(once, key)
		}
	}
	return once
}

// full are the rooms with clients of all nodes.
func (w *trial) full() []string {
	return slices.DeleteFunc(w.rooms.RoomIDs(), func(room string) bool { return slices.Contains(guestRooms, room) })
}

// sendFrom has a client in every room of the node send until the trial stops.
func (w *trial) sendFrom(n *node) {
	for _, room := range w.full() {
		w.senders.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-w.stop:
					return
				case <-time.After(time.Duration(20+len(n.id)*7) * time.Millisecond):
				}
				content := fmt.Sprint(n.id, "-", i)
				err := n.say(w.t, room, content)
				if e, ok := errors.AsType[*chat.Error](err); err != nil && (!ok || e.Code != chat.Unavailable && e.Code != chat.Throttled) {
					w.t.Errorf("%s: %v", n.id, err)
				}
				if err == nil && n.port.alive() {
					w.mu.Lock()
					w.acked[room][content] = n.id
					w.mu.Unlock()
				}
			}
		})
	}
}

// inject makes one fault happen, and its end.
func (w *trial) inject(i int, event string) {
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(w.nodes)), func(id string) bool { return id == "z" })
	switch event {
	case "join":
		w.join(fmt.Sprint(string(rune('A'+i)), i), func(t cluster.Transport) cluster.Transport { return t })
		return
	case "join old":
		w.join(fmt.Sprint("m", i), func(t cluster.Transport) cluster.Transport { return withoutInterest{t} })
		return
	case "join previous":
		w.join(fmt.Sprint("n", i), func(t cluster.Transport) cluster.Transport { return withoutBrief{t} })
		return
	}
	if len(ids) == 0 {
		return
	}
	id := ids[w.rand.IntN(len(ids))]
	victim := w.nodes[id]
	switch event {
	case "crash", "leave":
		if event == "leave" {
			victim.Drain(w.t.Context())
			victim.Close()
		}
		victim.port.kill()
		w.goneWith(id)
		w.left[id] = map[string][]string{}
		for room, c := range victim.clients {
			w.left[id][room] = c.IDs()
		}
		delete(w.nodes, id)
	case "drain":
		victim.Drain(w.t.Context())
	case "stop":
		victim.port.stop()
		time.Sleep(w.upTo(5 * time.Second))
		victim.port.resume()
		time.Sleep(time.Second) // What it believes of the view may be old.
	case "partition":
		w.partition(ids)
	}
}

func (w *trial) upTo(d time.Duration) time.Duration { return time.Duration(w.rand.Int64N(int64(d))) }

func (w *trial) join(id string, wrap func(cluster.Transport) cluster.Transport) {
	n := newNode(w.t, id, options{rooms: w.rooms, transport: wrap(w.net.port(id)), published: w.published})
	n.port = w.net.ports[id]
	w.t.Cleanup(n.stop)
	if err := n.Start(canceled()); err != nil {
		w.t.Error(err)
	}
	w.nodes[id], w.joined[id], w.sides[id] = n, true, w.sides["z"]
	await(w.t, w.nodes, len(w.nodes))
	for _, room := range w.full() {
		n.join(w.t, room)
	}
	w.sendFrom(n)
	w.visit(n, w.rand.Uint64())
}

// partition divides the nodes in two for some seconds. After a short while the
// links come back together, later one after another within two seconds. Where that
// takes longer than nodes wait for each other (3 s), or begins before the parts have
// views of their own, one may go over to the other part before those that it was
// with, which then are apart from it: TestPartialPartition and TestLeftBehind.
func (w *trial) partition(ids []string) {
	groups := [2][]string{{"z"}, nil}
	for i, id := range ids {
		side := w.rand.IntN(2)
		if i == 0 {
			side = 1
		}
		groups[side] = append(groups[side], id)
	}
	w.mu.Lock()
	for side, group := range groups {
		for _, id := range group {
			w.sides[id] += string(rune('A' + side))
		}
	}
	w.parted, w.apart = append(w.parted, time.Now()), true
	w.mu.Unlock()
	w.net.part(groups[0], groups[1])
	apart, each := w.upTo(6*time.Second), 2*time.Second/time.Duration(max(1, len(groups[0])*len(groups[1])))
	time.Sleep(apart)
	for _, a := range groups[0] {
		for _, b := range groups[1] {
			w.net.mend(a, b)
			if apart > 3*time.Second {
				time.Sleep(w.upTo(each))
			}
		}
	}
	time.Sleep(time.Second)
}

// check compares what was received with what is promised: no client receives anything
// twice; nodes that were never apart receive the same; and what was acknowledged
// was received where it was sent, and so wherever nodes stayed together with that.
func (w *trial) check() string {
	for _, room := range w.full() {
		lists, contents := received(w.nodes, room), map[string]map[string]int{}
		for id, n := range w.nodes {
			if d := duplicate(lists[id]); d != "" {
				return fmt.Sprintf("%s: %s received %s twice", room, id, d)
			}
			contents[id] = map[string]int{}
			for _, c := range n.clients[room].Contents() {
				if contents[id][c]++; contents[id][c] > 1 {
					return fmt.Sprintf("%s: %s received %s twice", room, id, c)
				}
			}
		}
		for id, l := range lists {
			lists[id] = w.once(l, l)
		}
		for id, l := range lists {
			for other, whole := range lists {
				if w.joined[other] || w.sides[id] != w.sides[other] {
					continue
				}
				if w.joined[id] && len(l) > 0 { // It received the end.
					whole = whole[max(0, slices.Index(whole, l[0])):]
				}
				if !slices.Equal(whole, l) && (!w.joined[id] || !suffix(whole, l)) {
					return fmt.Sprintf("%s: %s and %s were always together: %s", room, other, id, difference(whole, l))
				}
			}
		}
		for id, words := range w.left {
			received := w.once(words[room], words[room])
			if !w.joined[id] && strings.HasPrefix(w.sides["z"], w.sides[id]) && !prefixIn(lists["z"], received) {
				return fmt.Sprintf("%s: %s is gone and received what others did not: %s", room, id, difference(lists["z"], received))
			}
		}
		for content, id := range w.acked[room] {
			witness := id
			if w.nodes[id] == nil && strings.HasPrefix(w.sides["z"], w.sides[id]) {
				witness = "z"
			}
			if w.nodes[witness] != nil && contents[witness][content] != 1 {
				return fmt.Sprintf("%s: %s was acknowledged to %s and not received by %s", room, content, id, witness)
			}
		}
	}
	return ""
}

// agree says whether all nodes deliver in one order from now on.
func (w *trial) agree() string {
	before := map[string]map[string]int{}
	for id, n := range w.nodes {
		before[id] = map[string]int{}
		for room, c := range n.clients {
			before[id][room] = len(c.IDs())
		}
	}
	for _, n := range w.nodes {
		for room := range n.clients {
			if err := n.say(w.t, room, "at last "+n.id); err != nil {
				return fmt.Sprintf("%s: %s cannot send at last: %v", room, n.id, err)
			}
		}
	}
	time.Sleep(time.Second)
	for _, room := range w.full() {
		ends := map[string][]string{}
		for id, l := range received(w.nodes, room) {
			ends[id] = l[before[id][room]:]
		}
		if wrong := sameOrder(ends); wrong != "" || len(ends["z"]) != len(w.nodes) {
			return fmt.Sprintf("%s: of %d messages at last: %s %v", room, len(w.nodes), wrong, ends["z"])
		}
	}
	return ""
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
