package membership

import (
	"testing"
	"time"

	"confab/internal/protocol"
)

// TestWaits has node a reach b and c again. Their heartbeats say so one after another.
func TestWaits(t *testing.T) {
	m := others("a", "b sees c", "c sees b")
	at := func(ms int) time.Time { return Epoch.Add(time.Duration(ms) * time.Millisecond) }
	note := func(id string, n uint64, ms int, sees ...string) {
		m.Note(&protocol.Heartbeat{ID: id, N: n, Eligible: true, Sees: sees}, at(ms))
	}
	want := func(what string, ms int, waits bool) {
		t.Helper()
		if Waits(m, at(ms)) != waits {
			t.Errorf("%s: waits is %t, want %t", what, !waits, waits)
		}
	}
	want("no peer sees it", 10, false)
	note("c", 2, 20, "a", "b")
	want("b has sent nothing since c sees it", 200, true)
	note("b", 2, 210, "a", "c")
	want("both see it", 215, false)

	note("b", 3, 410, "c")
	note("c", 3, 420, "b")
	note("c", 4, 620, "a", "b")
	want("b sees it no longer, and may see it again", 630, true)
	note("b", 4, 640, "c")
	want("the next heartbeat of b says that it does not", 650, false)

	note("b", 5, 840, "a", "c")
	note("c", 5, 850, "b")
	note("b", 6, 1040, "c")
	note("b", 7, 1240, "a", "c")
	want("c has been silent for less than a heartbeat", 1400, true)
	want("c has been silent for longer", 1240+226, false)
}
