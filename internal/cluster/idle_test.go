package cluster

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
)

// TestIdleRooms has a node with a room in its logs do what it does all the time. It does not look
// at the room: a look at this one would end the test. No time passes, so it makes no view.
func TestIdleRooms(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		n := New(Options{ID: "a", Prefix: "confab", Transport: silence{}, Metrics: NewMetrics(nil), Log: slog.New(slog.DiscardHandler)})
		n.Attach(nobody{})
		n.members.started = time.Now()
		n.logs.rooms["idle"] = nil
		for range sweepTicks - 1 {
			n.tick()
		}
		delete(n.logs.rooms, "idle")
		n.tick() // Now and then it looks at all.
		n.members.started = time.Time{}
		n.Close()
	})
}

// silence is a transport that nothing arrives at.
type silence struct{ Transport }

func (silence) Publish(string, []byte) error { return nil }

// nobody is an engine without connections.
type nobody struct{ Engine }

func (nobody) Connections() int    { return 0 }
func (nobody) Deliver(*chat.Frame) {}
