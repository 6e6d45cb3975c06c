package cluster_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/modes"
)

// TestSlowModeMoves moves a room's home, without and with the loss of the old one. The next
// one knows who has sent what, whether a node has members of the room or only keeps its
// frames.
func TestSlowModeMoves(t *testing.T) {
	for name, move := range map[string]func(t *testing.T, n *node){
		"the home drains":    func(t *testing.T, n *node) { n.Drain(t.Context()) },
		"the home is killed": func(_ *testing.T, n *node) { n.Close(); n.port.kill() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net, r := newNetwork(t, 1), newRooms(16, 100)
				r.ChangeAll(func(room *chat.Room) {
					room.Tags = map[string]string{"confab:slow-mode": "1m", "confab:repeat": "5m"}
				})
				nodes := startNodes(t, net, r, func(string) options { return options{modes: modes.New()} }, "a", "b", "c", "d")
				room := homed(t, nodes, r, "a")
				send := func(by, user, content string) error {
					op := messaging.Operation{
						Action: chat.ActionSendMessage, RoomID: room, ID: chat.NewID(),
						Content: content, UserID: user, Received: time.Now(),
					}
					_, err := nodes[by].Do(t.Context(), op)
					return err
				}
				for _, user := range []string{"ann", "bob"} {
					if err := send("b", user, "hello"); err != nil {
						t.Fatal(err)
					}
				}
				move(t, nodes["a"])
				if strings.Contains(name, "killed") {
					delete(nodes, "a")
					await(t, nodes, 3)
				}
				for _, by := range []string{"b", "c", "d"} {
					if err := send(by, "ann", "again"); chat.CodeOf(err) != chat.Throttled || !strings.Contains(err.Error(), "Slow mode") {
						t.Errorf("a second message by %s: %v", by, err)
					}
				}
				if err := send("c", "eve", "hello"); err != nil {
					t.Errorf("another user: %v", err)
				}
				time.Sleep(time.Minute)
				if err := send("c", "bob", "hello"); chat.CodeOf(err) != chat.Rejected {
					t.Errorf("a repeated message: %v", err)
				}
				if err := send("d", "ann", "again"); err != nil {
					t.Errorf("after a minute: %v", err)
				}
				time.Sleep(100 * time.Millisecond)
				if n := nodes["b"].clients[room]; n != nil && !slices.Contains(n.Contents(), "again") {
					t.Errorf("b has %v", n.Contents())
				}
			})
		})
	}
}
