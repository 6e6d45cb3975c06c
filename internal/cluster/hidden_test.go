package cluster_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
)

// hiding is messaging.Bans, which hide one user.
type hiding string

func (hiding) Banned(string, string, netip.Addr) error { return nil }

func (hiding) Forbids(string, string, string, bool) error { return nil }

func (h hiding) Hides(_, userID, _ string) bool { return userID == string(h) }

// TestHidden has a hidden user on two nodes of three.
func TestHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(6, 100)
		nodes := startNodes(t, net, r, func(string) options { return options{bans: hiding("troll")} }, "a", "b", "c")
		await(t, nodes, 3)
		for _, room := range r.RoomIDs() {
			for _, n := range nodes {
				n.join(t, room)
			}
			nodes["a"].clients[room] = nodes["a"].joinAs(t, room, "troll")
			again := nodes["b"].joinAs(t, room, "troll")
			for _, content := range []string{"one", "two"} {
				if err := nodes["a"].say(t, room, content); err != nil {
					t.Error(err)
				}
				if err := nodes["c"].say(t, room, "to all"); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(time.Second)
			for _, c := range []*client{nodes["a"].clients[room], again} {
				if got := c.Sent(); len(got) != 2 || !strings.Contains(got[0], `"one"`) || !strings.Contains(got[1], `"two"`) {
					t.Errorf("the hidden user got %q", got)
				}
			}
			for id, n := range nodes {
				if got := strings.Join(n.clients[room].Contents(), ","); got != "to all,to all" {
					t.Errorf("all on %s got %q", id, got)
				}
			}
		}
	})
}

// TestHiddenBesideOlderNode has a node that would deliver hidden messages to all.
func TestHiddenBesideOlderNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(6, 100)
		nodes := startNodes(t, net, r, func(string) options { return options{bans: hiding("troll")} }, "a", "b")
		c := startNode(t, "c", options{rooms: r, transport: older{net.port("c"), t}})
		nodes["c"] = c
		await(t, nodes, 3)
		for _, room := range r.RoomIDs() {
			c.join(t, room)
			nodes["a"].clients[room] = nodes["a"].joinAs(t, room, "troll")
			if err := nodes["a"].say(t, room, "hidden"); chat.CodeOf(err) != chat.Throttled {
				t.Errorf("got %v", err)
			}
			if err := c.say(t, room, "hello"); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			if got := strings.Join(c.clients[room].Contents(), ","); got != "hello" {
				t.Errorf("all on the older node got %q", got)
			}
		}
	})
}
