package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// asked is an event on its way, and what became of it.
type asked struct {
	id   string
	done chan error
}

func event(n *node, t *testing.T, room string) *asked {
	a := &asked{id: chat.NewID(), done: make(chan error, 1)}
	go func() {
		_, err := n.Do(t.Context(), messaging.Operation{
			Action: chat.ActionSendEvent, RoomID: room, ID: a.id, EventName: "e", Received: time.Now(),
		})
		a.done <- err
	}()
	return a
}

func delivers(n *node, room, id string) bool { return slices.Contains(n.clients[room].IDs(), id) }

// TestAskedFromAnotherView has a node ask a home that has gone on without it: the
// home receives its requests, but not its heartbeats.
func TestAskedFromAnotherView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		nodes := start(t, net, r, "a", "b", "c")
		room := homed(t, nodes, r, "b")
		net.losing(func(from, _, subject string) bool { return from == "a" && strings.HasSuffix(subject, ".beats") })
		await(t, map[string]*node{"b": nodes["b"], "c": nodes["c"]}, 2)
		x := event(nodes["a"], t, room)
		// The node may rejoin up to 0.6 s later, and after 1.5 s it would be excluded.
		time.Sleep(700 * time.Millisecond)
		if delivers(nodes["b"], room, x.id) || delivers(nodes["c"], room, x.id) {
			t.Error("the home carried out what a node asked that is not in its view")
		}
		net.heal()
		if err := <-x.done; err != nil {
			t.Error(err)
		}
		await(t, nodes, 3)
		time.Sleep(100 * time.Millisecond) // The home delivers when another node acknowledges.
		for id, n := range nodes {
			if count := len(n.clients[room].IDs()); count != 1 || !delivers(n, room, x.id) {
				t.Errorf("%s received %d frames", id, count)
			}
		}
	})
}

// TestFramePassedOver takes a node away between the home's answer, to a question that
// was repeated, and the frame, and lets both sides continue, so that the node never
// delivers the frame: its client has to learn that.
func TestFramePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(8, 100)
		nodes := start(t, net, r, "a", "b", "c")
		room := homed(t, nodes, r, "b")
		net.losing(func(from, to, subject string) bool {
			return from == "b" && to == "a" && strings.HasSuffix(subject, ".frames") || from == "a" && strings.HasSuffix(subject, ".stream")
		})
		x := event(nodes["a"], t, room)
		time.Sleep(2500 * time.Millisecond) // A home does not answer the first question with success.
		if !delivers(nodes["b"], room, x.id) || delivers(nodes["a"], room, x.id) {
			t.Fatal("the frame should be delivered, and not at a")
		}
		net.part([]string{"a"}, []string{"b", "c"})
		await(t, map[string]*node{"b": nodes["b"], "c": nodes["c"]}, 2)
		await(t, map[string]*node{"a": nodes["a"]}, 1)
		for _, n := range []*node{nodes["a"], nodes["b"]} {
			if err := <-event(n, t, room).done; err != nil {
				t.Fatal(err)
			}
		}
		net.heal()
		await(t, nodes, 3)
		err := <-x.done
		if delivered := delivers(nodes["a"], room, x.id); delivered != (err == nil) || err != nil && chat.CodeOf(err) != chat.Unavailable {
			t.Errorf("delivered: %t, answered: %v", delivered, err)
		}
		if err == nil {
			t.Error("the frame was delivered after all: this test shows nothing")
		}
	})
}
