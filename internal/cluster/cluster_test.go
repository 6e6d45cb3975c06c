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
)

// start starts nodes on one network and waits until they are one cluster.
func start(t testing.TB, net *network, r *rooms, ids ...string) map[string]*node {
	t.Helper()
	return startWith(t, net, r, func(string) func() { return nil }, ids...)
}

// startWith also gives each node what to do when it is excluded.
func startWith(t testing.TB, net *network, r *rooms, excluded func(id string) func(), ids ...string) map[string]*node {
	t.Helper()
	return startNodes(t, net, r, func(id string) options { return options{excluded: excluded(id)} }, ids...)
}

// startReviewed gives the nodes a message review handler.
func startReviewed(t testing.TB, net *network, r *rooms, h messaging.Reviewer, ids ...string) map[string]*node {
	t.Helper()
	return startNodes(t, net, r, func(string) options { return options{review: h} }, ids...)
}

func startNodes(t testing.TB, net *network, r *rooms, with func(id string) options, ids ...string) map[string]*node {
	t.Helper()
	nodes := map[string]*node{}
	for _, id := range ids {
		o := with(id)
		o.rooms, o.transport = r, net.port(id)
		nodes[id] = newNode(t, id, o)
		nodes[id].port = net.ports[id]
		t.Cleanup(nodes[id].stop)
		if err := nodes[id].Start(canceled()); err != nil {
			t.Fatal(err)
		}
	}
	await(t, nodes, len(ids))
	for id := range r.rooms {
		for _, n := range nodes {
			n.join(t, id)
		}
	}
	return nodes
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// await waits until all nodes are ready in one view of so many members.
func await(t testing.TB, nodes map[string]*node, members int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
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
		if time.Now().After(deadline) {
			for id, n := range nodes {
				fmt.Fprintf(os.Stderr, "%s: %v %v\n", id, n.View(), n.Ready())
			}
			t.Fatal("the nodes do not agree")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func heard(nodes map[string]*node, room string) map[string][]string {
	lists := map[string][]string{}
	for id, n := range nodes {
		lists[id] = n.clients[room].ids()
	}
	return lists
}

func TestOneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork(t, 1)
		net.delay = 5 * time.Millisecond
		nodes := start(t, net, newRooms(4, 100), "a", "b", "c")
		var senders sync.WaitGroup
		for id, n := range nodes {
			for room := range n.clients {
				senders.Go(func() {
					for i := range 20 {
						if err := n.say(t, room, fmt.Sprint(id, i)); err != nil {
							t.Error(err)
						}
						time.Sleep(50 * time.Millisecond)
					}
				})
			}
		}
		senders.Wait()
		time.Sleep(time.Second)
		for room := range nodes["a"].clients {
			lists := heard(nodes, room)
			if len(lists["a"]) != 60 {
				t.Errorf("%s: %d frames, want 60", room, len(lists["a"]))
			}
			if wrong := sameOrder(lists); wrong != "" {
				t.Error(wrong)
			}
		}
	})
}
