package cluster

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/view"
)

// TestIdleRooms has a node with a room in its logs do what it does all the time. It looks at all
// rooms only now and then: until then it does not know that it is the home of this one.
func TestIdleRooms(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		n := New(Options{ID: "a", Prefix: "confab", Transport: silence{}, Metrics: NewMetrics(nil), Log: slog.New(slog.DiscardHandler)})
		n.Attach(nobody{})
		n.members.Start(time.Now())
		n.view = newView(n.ctx, "a", view.View{ID: view.ID{Number: 1, Coordinator: "a"}, Members: []string{"a"}, Homes: []string{"a"}}, time.Now())
		n.logs.Room("idle", time.Now())
		for i := 1; i <= sweepTicks; i++ {
			n.tick()
			if got, want := testutil.ToFloat64(n.o.Metrics.Homes), float64(i/sweepTicks); got != want {
				t.Errorf("after %d heartbeats it knows of %v rooms, want %v", i, got, want)
			}
		}
		n.beats.lastTick = time.Time{}
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
