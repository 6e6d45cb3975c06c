package cluster_test

import (
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/messaging"
)

func TestNotices(t *testing.T) {
	r := newRooms(8, 10)
	net := newNetwork(t, 1)
	nodes := start(t, net, r, "a", "b")
	room := homed(t, nodes, r, "a")
	change := func(f func(*chat.Room)) { r.Change(room, f) }
	long := func() error { return nodes["b"].say(t, room, "twelve chars") }

	t.Run("a change reaches every node", func(t *testing.T) {
		change(func(r *chat.Room) { r.MaximumMessageLength = 5 })
		nodes["a"].engine.RoomChanged(t.Context(), room)
		eventually(t, "the new length on b", func() bool { return chat.CodeOf(long()) == chat.Invalid })
	})
	t.Run("a change whose notice was lost is seen when the cluster changes", func(t *testing.T) {
		net.part([]string{"a"}, []string{"b"})
		change(func(r *chat.Room) { r.MaximumMessageLength = 500 })
		nodes["a"].engine.RoomChanged(t.Context(), room)
		await(t, map[string]*node{"b": nodes["b"]}, 1)
		net.heal()
		await(t, nodes, 2)
		eventually(t, "the new length on b", func() bool { return long() == nil })
	})
	t.Run("DisconnectUser ends sessions on the other node, behind its event", func(t *testing.T) {
		if err := nodes["a"].engine.DisconnectUser(t.Context(), room, "b", "spam", ""); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the end on b", func() bool { return nodes["b"].clients[room].endedBy() == ending.Kicked.Name })
		if nodes["a"].clients[room].endedBy() != "" {
			t.Error("another user's session ended")
		}
	})
	t.Run("refusals of a home arrive as they are", func(t *testing.T) {
		op := func() messaging.Operation {
			return messaging.Operation{Action: chat.ActionSendMessage, RoomID: room, ID: chat.NewID(), Content: "x", Received: time.Now()}
		}
		var err error
		for range 30 {
			if _, err = nodes["b"].Do(t.Context(), op()); err != nil {
				break
			}
		}
		e, ok := err.(*chat.Error) //nolint:errorlint // It travels as it is.
		if !ok || e.Code != chat.Throttled || e.Limit != 10 || e.Resource.ID != room || e.Message != "rate limit exceeded" {
			t.Errorf("got %#v", err)
		}
	})
	t.Run("an operation that is asked for again has one frame", func(t *testing.T) {
		op := messaging.Operation{Action: chat.ActionSendEvent, RoomID: room, ID: chat.NewID(), EventName: "once", Received: time.Now()}
		for _, from := range []string{"b", "b", "a"} {
			if id, err := nodes[from].Do(t.Context(), op); err != nil || id != op.ID {
				t.Fatalf("%q, %v", id, err)
			}
		}
		count := 0
		for _, id := range nodes["a"].clients[room].IDs() {
			if id == op.ID {
				count++
			}
		}
		if count != 1 {
			t.Errorf("%d frames", count)
		}
	})
}

// TestDatabaseGone takes the database away, and then the home of a room whose
// next home has never read it: the room continues with the settings that the senders' node knows.
func TestDatabaseGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRooms(8, 10)
		nodes := map[string]*node{}
		net := newNetwork(t, 1)
		for _, id := range []string{"a", "b"} {
			nodes[id] = newNode(t, id, options{rooms: r, transport: net.port(id)})
			t.Cleanup(nodes[id].stop)
			if err := nodes[id].Start(canceled()); err != nil {
				t.Fatal(err)
			}
		}
		await(t, nodes, 2)
		room := homed(t, nodes, r, "b")
		nodes["a"].join(t, room)
		r.Silence(true)
		began := time.Now()
		accepted := 0
		for range 15 {
			switch err := nodes["a"].say(t, room, "on"); chat.CodeOf(err) {
			case chat.Throttled:
			default:
				if err != nil {
					t.Fatal(err)
				}
				accepted++
			}
		}
		if accepted != 10 {
			t.Errorf("%d of 15 messages were accepted, the room allows 10", accepted)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("they took %s", took)
		}
		if _, err := nodes["a"].engine.SendEvent(t.Context(), roomID(99), "e", nil); chat.CodeOf(err) != chat.Unavailable {
			t.Errorf("an event to a room that no node knows: %v", err)
		}

		r.Silence(false)
		r.Change(room, func(room *chat.Room) { room.MaximumMessageRatePerSecond = 100 })
		time.Sleep(10 * time.Second) // Settings that came from elsewhere are read soon.
		for i := range 50 {
			if err := nodes["a"].say(t, room, "faster"); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}
