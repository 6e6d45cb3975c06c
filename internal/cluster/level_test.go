package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLevel divides nodes and has one of a part miss the last frame that the
// others of its part have delivered, until the parts are one again and continue with
// the history of the other part. It gets the frame before that: nodes that were
// together received the same.
func TestLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(16, 100)
		nodes := start(t, net, r, "a", "b", "c", "d", "e")
		speak(t, nodes, r, "together")
		part := map[string]*node{"b": nodes["b"], "c": nodes["c"], "e": nodes["e"]}
		net.part([]string{"a", "d"}, []string{"b", "c", "e"})
		await(t, part, 3)
		await(t, map[string]*node{"a": nodes["a"], "d": nodes["d"]}, 2)
		// Another view gives the part of a the later history.
		nodes["d"].port.kill()
		delete(nodes, "d")
		await(t, map[string]*node{"a": nodes["a"]}, 1)
		speak(t, nodes, r, "apart")

		room := homed(t, part, r, "c")
		net.losing(func(from, to, subject string) bool {
			return from == "c" && to == "e" && (strings.HasSuffix(subject, ".frames") || subject == "answer")
		})
		last := event(nodes["b"], t, room)
		if err := <-last.done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if !delivers(nodes["c"], room, last.id) || delivers(nodes["e"], room, last.id) {
			t.Fatal("the last frame should be delivered, and not at e")
		}
		for id := range part {
			net.mend("a", id)
		}
		for len(nodes["e"].View().Members) < 4 {
			if time.Sleep(time.Millisecond); delivers(nodes["e"], room, last.id) && len(nodes["e"].View().Members) < 4 {
				t.Fatal("e got the last frame too early: this test shows nothing")
			}
		}
		net.heal()
		await(t, nodes, 4)
		speak(t, nodes, r, "again")
		time.Sleep(time.Second)
		lists := received(part, room)
		if wrong := sameOrder(lists); wrong != "" {
			t.Error(wrong)
		}
		if !slices.Contains(lists["e"], last.id) {
			t.Error("e never received the last frame of its part")
		}
		if delivers(nodes["a"], room, last.id) {
			t.Error("a received it: its history is not the one that continued, and this test shows nothing")
		}
	})
}
