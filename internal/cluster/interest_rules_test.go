package cluster_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
)

// announce sends an event from a node, and waits until it is everywhere.
func announce(t *testing.T, n *node, room string) {
	t.Helper()
	if _, err := n.engine.SendEvent(t.Context(), room, "e", nil); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
}

// TestLogBeginsAnew has a node enter a room again after frames that did not go there. Its log
// must not continue from the frame that it had: a member that gets its history from there
// would miss what lies between.
func TestLogBeginsAnew(t *testing.T) {
	for _, answered := range []bool{true, false} {
		t.Run(map[bool]string{true: "with the answer", false: "with a frame that comes before the answer"}[answered], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := newNetwork(t, 1)
				nodes, room, other, _ := sixNodes(t, net)
				n := nodes[other]
				enter := func() {
					if _, err := n.Enter(t.Context(), room); err != nil {
						t.Error(err)
					}
				}
				enter()
				announce(t, nodes["b"], room)
				had := n.LastDelivered(room).Sequence
				n.Leave(room)
				time.Sleep(100 * time.Millisecond)
				announce(t, nodes["b"], room)
				announce(t, nodes["b"], room)
				if last := n.LastDelivered(room).Sequence; last != had {
					t.Fatal("frames came to a node that had left the room: nothing was shown")
				}
				if answered {
					enter()
				} else {
					net.losing(func(_, to, subject string) bool { return to == other && subject == "answer" })
					go enter()
					time.Sleep(100 * time.Millisecond)
				}
				announce(t, nodes["b"], room)
				if last := n.LastDelivered(room).Sequence; last != had+3 {
					t.Fatalf("the last frame at the node is %d, want %d", last, had+3)
				}
				view := n.View().ID
				if keeps(t, net, other, object{"view": view, "rooms": []object{{"room": room, "after": object{"v": view, "s": had}}}}) {
					t.Error("the log continues behind a frame, and lacks the two that follow it")
				}
				net.heal()
				time.Sleep(time.Second)
			})
		})
	}
}

// keeps asks a node for a room's history, and reports whether that is said to follow what the
// question says is there.
func keeps(t *testing.T, net *network, node string, question object) bool {
	t.Helper()
	data, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = newStranger(t, net).Request(t.Context(), "confab.node."+node+".history", data); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Histories []struct {
			Keep bool `json:"keep"`
		} `json:"histories"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || len(answer.Histories) != 1 {
		t.Fatalf("%s, %v", data, err)
	}
	return answer.Histories[0].Keep
}

// TestKeepersCompleted kills the keepers of a room one after another, and then its home: each
// time the next view has as many holders of the frames as the one before, although no other
// frame came.
func TestKeepersCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork(t, 1)
		nodes, room, _, _ := sixNodes(t, net)
		holders := func() (ids []string) {
			for id, n := range nodes {
				if n.LastDelivered(room).Known {
					ids = append(ids, id)
				}
			}
			return ids
		}
		for _, victim := range []func(id, home string) bool{
			func(id, home string) bool { return id != home },
			func(id, home string) bool { return id != home },
			func(id, home string) bool { return id == home },
		} {
			home := nodes[holders()[0]].Owner(room)
			for _, id := range holders() {
				if victim(id, home) {
					net.ports[id].kill()
					delete(nodes, id)
					break
				}
			}
			await(t, nodes, len(nodes))
			if ids := holders(); len(ids) != 3 {
				t.Fatalf("%v have the room's frame, want its home and two keepers", ids)
			}
		}
	})
}

// TestLateLeave has what a node said about leaving a room arrive once more, after it has
// entered the room again.
func TestLateLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, room, other, transports := sixNodes(t, newNetwork(t, 1))
		n := nodes[other]
		if _, err := n.Enter(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		n.Leave(room)
		time.Sleep(100 * time.Millisecond)
		c := n.join(t, room)
		leaves := transports[other].leaves
		if len(leaves) == 0 {
			t.Fatal("the node did not say that it left the room")
		}
		for _, again := range leaves {
			if err := again(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		announce(t, nodes["b"], room)
		if got := len(c.IDs()); got != 1 {
			t.Errorf("the client received %d frames, want 1", got)
		}
	})
}

// TestLeaveLost loses what a node says about leaving a room: it says so again when a frame of
// the room comes.
func TestLeaveLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newNetwork(t, 1)
		nodes, room, other, transports := sixNodes(t, net)
		n := nodes[other]
		if _, err := n.Enter(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		net.losing(func(_, _, subject string) bool { return strings.HasSuffix(subject, ".leave") })
		n.Leave(room)
		time.Sleep(100 * time.Millisecond)
		net.heal()
		before, _ := transports[other].count()
		for range 3 {
			announce(t, nodes["b"], room)
		}
		if got, _ := transports[other].count(); got != before+1 {
			t.Errorf("%d messages with frames came, want 1", got-before)
		}
	})
}
