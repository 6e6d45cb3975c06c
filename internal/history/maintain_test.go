package history_test

import (
	"testing"
	"time"
)

// Rooms whose settings change all the time do not postpone the compaction.
func TestCompactionAmongChanges(t *testing.T) {
	t.Parallel()
	w := sqlite(t)(t)
	w.rooms.set("room", time.Hour)
	compacted := func(meanwhile func()) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
			var n int
			if _, err := w.sql.Read().Row(t.Context(), `SELECT count(*) FROM history_batches`, nil, &n); err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				return
			}
			if time.Since(began) > time.Minute {
				t.Fatalf("%d batches were not compacted", n)
			}
			meanwhile()
		}
	}
	w.append(w.frame("room", "ann", "left by an earlier process"))
	w.Start()
	compacted(func() {})
	w.append(w.frame("room", "ann", "x"))
	compacted(func() { check(t, w.Changed(t.Context(), "room")) })
}

// The latest disconnect of a user counts, also if it is stored before an earlier one.
func TestDisconnectsOutOfOrder(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		w := open(t)
		check(t, w.NoteDisconnect(t.Context(), "room", "ann", start.Add(time.Minute)))
		check(t, w.NoteDisconnect(t.Context(), "room", "ann", start))
		if yes, err := w.Disconnected(t.Context(), "room", "ann", start.Add(time.Second)); err != nil || !yes {
			t.Errorf("disconnected: %t, %v", yes, err)
		}
	})
}
