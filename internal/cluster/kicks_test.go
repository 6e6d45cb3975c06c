package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// TestKicked has a user speak on all nodes without a pause while moderators disconnect
// that user again and again: no message of a session is delivered behind the kick that
// ended it, and every session that joins later may speak.
func TestKicked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(3, 1000)
		net.delay = 40 * time.Millisecond
		nodes := start(t, net, r, "a", "b", "c")
		const generations = 12
		room := homed(t, nodes, r, "a")
		for g := range generations {
			var senders sync.WaitGroup
			for id, n := range nodes {
				c := n.joinAs(t, room, "u")
				first := make(chan struct{})
				senders.Go(func() {
					for i := 0; c.endedBy() == ""; i++ {
						err := c.SendMessage(t.Context(), messaging.Request{Received: time.Now()}, fmt.Sprint(g, " ", id, i), nil)
						if err != nil && !errors.Is(err, messaging.ErrKicked) {
							t.Errorf("%s, session %d: %v", id, g, err)
						}
						if i == 0 {
							close(first)
						}
						time.Sleep(time.Millisecond)
					}
					c.Leave()
				})
				<-first
			}
			moderator := []string{"a", "b", "c"}[g%3]
			if err := nodes[moderator].engine.DisconnectUser(t.Context(), room, "u", "", ""); err != nil {
				t.Fatal(err)
			}
			senders.Wait()
		}
		time.Sleep(time.Second)
		for id, n := range nodes {
			kicks, said := 0, map[int]int{}
			for _, content := range n.clients[room].Contents() {
				if content == "" {
					kicks++
					continue
				}
				var g int
				if _, err := fmt.Sscan(content, &g); err != nil {
					t.Fatal(err)
				}
				if said[g]++; g < kicks {
					t.Errorf("%s received %q behind kick %d", id, content, kicks)
				}
			}
			if kicks != generations || len(said) != generations {
				t.Errorf("%s received %d kicks and messages of %d generations, want %d", id, kicks, len(said), generations)
			}
		}
	})
}

// held is a message review handler that answers when it is told to.
type held struct{ asked, answer chan struct{} }

func (h held) Review(_ context.Context, _ *chat.Room, m *chat.Message, _ string) (*chat.Message, bool, error) {
	h.asked <- struct{}{}
	<-h.answer
	return m, false, nil
}

// TestKickedAtNextHome disconnects users whose messages are under review, and has a node
// join that becomes the home of some of their rooms: it refuses the messages too, although
// it was not there when the users were disconnected.
func TestKickedAtNextHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(16, 100)
		r.ChangeAll(func(room *chat.Room) {
			room.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn", FallbackResult: chat.Deny}
		})
		h := held{make(chan struct{}, 100), make(chan struct{})}
		nodes := startReviewed(t, net, r, h, "b", "c")
		say := func(c *client, content string) error {
			return c.SendMessage(t.Context(), messaging.Request{Received: time.Now()}, content, nil)
		}
		var senders sync.WaitGroup
		homes := map[string]string{}
		for _, room := range r.RoomIDs() {
			homes[room] = nodes["b"].Owner(room)
			u := nodes["b"].joinAs(t, room, "u")
			senders.Go(func() {
				if err := say(u, "late"); !errors.Is(err, messaging.ErrKicked) {
					t.Errorf("%s: got %v, want ErrKicked", room, err)
				}
			})
			<-h.asked
			if err := nodes["b"].engine.DisconnectUser(t.Context(), room, "u", "", ""); err != nil {
				t.Fatal(err)
			}
		}
		a := startNode(t, "a", options{rooms: r, transport: net.port("a"), review: h})
		nodes["a"] = a
		await(t, nodes, 3)
		close(h.answer)
		senders.Wait()
		moved := 0
		for room, before := range homes {
			if a.Owner(room) == "a" && before == "c" {
				moved++
			}
			// The next session of the user may speak, on an old node and on the new one.
			for _, id := range []string{"a", "b"} {
				if err := say(nodes[id].joinAs(t, room, "u"), "again "+id); err != nil {
					t.Errorf("%s at %s: %v", room, id, err)
				}
			}
			time.Sleep(100 * time.Millisecond) // Node c may get them later than the nodes that asked.
			if got := strings.Join(nodes["c"].clients[room].Contents(), ","); got != ",again a,again b" {
				t.Errorf("%s: c received %q, want the kick and two messages", room, got)
			}
		}
		if moved == 0 {
			t.Error("no room moved: nothing was shown")
		}
	})
}

// TestDisconnectedBeforeAnswer has homes that ban the users whom a moderator disconnects, which
// takes them a while: no node answers before that, and an error of it is the answer.
func TestDisconnectedBeforeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(3, 100)
		var mu sync.Mutex // guards banned
		banned := map[string]bool{}
		ban := func(op *messaging.Operation) error {
			time.Sleep(300 * time.Millisecond)
			if op.Target == "fails" {
				return chat.Errorf(chat.Unavailable, "could not be banned")
			}
			mu.Lock()
			defer mu.Unlock()
			banned[op.Target] = true
			return nil
		}
		nodes := startNodes(t, net, r, func(string) options { return options{disconnected: ban} }, "a", "b", "c")
		room := homed(t, nodes, r, "a")
		for id, n := range nodes {
			if err := n.engine.DisconnectUser(t.Context(), room, id+"-user", "", ""); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			if !banned[id+"-user"] {
				t.Errorf("%s has answered before the user is banned", id)
			}
			mu.Unlock()
			if err := n.engine.DisconnectUser(t.Context(), room, "fails", "", ""); chat.CodeOf(err) != chat.Unavailable {
				t.Errorf("at %s, a ban that fails is answered %v", id, err)
			}
		}
	})
}

// TestDisconnectedAtNextHome kills a home that has delivered the disconnect and not banned the
// user yet: the next home does it, before the answer.
func TestDisconnectedAtNextHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, r := newNetwork(t, 1), newRooms(3, 100)
		delivered, banned := make(chan struct{}), make(chan string, 10)
		with := func(id string) options {
			return options{disconnected: func(op *messaging.Operation) error {
				if id == "a" {
					close(delivered)
					time.Sleep(time.Minute)
					return nil
				}
				banned <- id + " " + op.ID
				return nil
			}}
		}
		nodes := startNodes(t, net, r, with, "a", "b", "c")
		room := homed(t, nodes, r, "a")
		answered := make(chan error, 1)
		go func() { answered <- nodes["b"].engine.DisconnectUser(t.Context(), room, "u", "", "") }()
		<-delivered
		nodes["a"].port.kill()
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		if len(banned) == 0 {
			t.Fatal("the answer came before the user was banned")
		}
		ids := nodes["b"].clients[room].IDs()
		if got := <-banned; len(ids) != 1 || got[2:] != ids[0] {
			t.Errorf("banned by %s, and the clients got the events %v", got, ids)
		}
		time.Sleep(time.Minute)
	})
}
