package cluster_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/messaging"
	"confab/internal/messagingtest"
)

// start starts nodes on one network and waits until they are one cluster.
func start(t testing.TB, net *network, r *messagingtest.Store, ids ...string) map[string]*node {
	t.Helper()
	return startWith(t, net, r, func(string) func() { return nil }, ids...)
}

// startWith also gives each node what to do when it is excluded.
func startWith(t testing.TB, net *network, r *messagingtest.Store, excluded func(id string) func(), ids ...string) map[string]*node {
	t.Helper()
	return startNodes(t, net, r, func(id string) options { return options{excluded: excluded(id)} }, ids...)
}

// startReviewed gives the nodes a message review handler.
func startReviewed(t testing.TB, net *network, r *messagingtest.Store, h messaging.Reviewer, ids ...string) map[string]*node {
	t.Helper()
	return startNodes(t, net, r, func(string) options { return options{review: h} }, ids...)
}

func startNodes(t testing.TB, net *network, r *messagingtest.Store, with func(id string) options, ids ...string) map[string]*node {
	t.Helper()
	nodes := map[string]*node{}
	for _, id := range ids {
		o := with(id)
		o.rooms, o.transport = r, net.port(id)
		nodes[id] = startNode(t, id, o)
		nodes[id].port = net.ports[id]
	}
	gather(t, nodes, r)
	return nodes
}

// startNode starts a node that the end of the test stops.
func startNode(t testing.TB, id string, o options) *node {
	t.Helper()
	n := newNode(t, id, o)
	t.Cleanup(n.stop)
	if err := n.Start(canceled()); err != nil {
		t.Fatal(err)
	}
	return n
}

// gather waits until the nodes are one cluster, and adds a client of each to
// every room.
func gather(t testing.TB, nodes map[string]*node, r *messagingtest.Store) {
	t.Helper()
	await(t, nodes, len(nodes))
	for _, id := range r.RoomIDs() {
		for _, n := range nodes {
			n.join(t, id)
		}
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// await waits until all nodes are ready in one view of so many members.
func await(t testing.TB, nodes map[string]*node, members int) {
	t.Helper()
	late := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var first *node
		ok := true
		for _, n := range nodes {
			if first == nil {
				first = n
			}
			v := n.View()
			ok = ok && len(v.Members) == members && v.ID == first.View().ID && n.Ready() == nil
		}
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			for id, n := range nodes {
				fmt.Fprintf(os.Stderr, "%s: %v %v\n", id, n.View(), n.Ready())
			}
			t.Fatal("the nodes do not agree")
		}
	}
}

// sayAll has every client say so many messages, with a pause after each.
func sayAll(t *testing.T, nodes map[string]*node, messages int, pause time.Duration) {
	t.Helper()
	var senders sync.WaitGroup
	for id, n := range nodes {
		for room := range n.clients {
			senders.Go(func() {
				for i := range messages {
					if err := n.say(t, room, fmt.Sprint(id, i)); err != nil {
						t.Error(err)
					}
					time.Sleep(pause)
				}
			})
		}
	}
	senders.Wait()
}

func received(nodes map[string]*node, room string) map[string][]string {
	lists := map[string][]string{}
	for id, n := range nodes {
		lists[id] = n.clients[room].IDs()
	}
	return lists
}

func TestOneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork(t, 1)
		net.delay = 5 * time.Millisecond
		nodes := start(t, net, newRooms(4, 100), "a", "b", "c")
		sayAll(t, nodes, 20, 50*time.Millisecond)
		time.Sleep(time.Second)
		for room := range nodes["a"].clients {
			lists := received(nodes, room)
			if len(lists["a"]) != 60 {
				t.Errorf("%s: %d frames, want 60", room, len(lists["a"]))
			}
			if wrong := sameOrder(lists); wrong != "" {
				t.Error(wrong)
			}
		}
	})
}
