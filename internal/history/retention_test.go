package history_test

import (
	"fmt"
	"testing"
	"time"

	"confab/internal/history"
)

// TestPrune is about what is deleted in the background, and when.
func TestPrune(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		w := open(t)
		at := func(d time.Duration) { w.clock.set(start.Add(d)) }
		left := func(room string) int {
			return len(w.list(history.Query{RoomID: room, Max: 100, IncludeDeleted: true, IncludeEvents: true}))
		}
		w.rooms.set("room", time.Hour)
		for i := range 120 { // two minutes apart
			at(time.Duration(i) * 2 * time.Minute)
			w.append(w.frame("room", "ann", fmt.Sprint(i)))
			if i%5 == 0 {
				w.compact()
				check(t, w.Prune(t.Context()))
			}
		}
		w.compact()
		check(t, w.Prune(t.Context()))
		// An hour has 30; a piece covers an eighth of the retention, and a room is looked
		// at again after as much.
		if n := left("room"); n < 30 || n > 30+9 {
			t.Errorf("%d messages of the last hour are left, want 30 and a few more", n)
		}
		t.Run("a shorter retention", func(t *testing.T) {
			w.rooms.set("room", 10*time.Minute)
			check(t, w.Changed(t.Context(), "room"))
			check(t, w.Prune(t.Context()))
			if n := left("room"); n < 5 || n > 5+4 {
				t.Errorf("%d messages of the last ten minutes are left", n)
			}
		})
		t.Run("a deleted room", func(t *testing.T) {
			w.append(w.deletion("room", "ann", "unknown", ""))
			delete(w.rooms.keep, "room")
			w.compact()
			at(10 * time.Hour) // The notice of the deletion was lost.
			check(t, w.Prune(t.Context()))
			for _, table := range []string{"history_batches", "history_pieces", "history_deletions", "history_rooms"} {
				if n := w.rows(table); n != 0 {
					t.Errorf("%d rows of %s are left", n, table)
				}
			}
		})
	})
}

// TestManyBatches lists a room whose frames are in more batches than one statement reads,
// some of them moved already.
func TestManyBatches(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		w := open(t)
		w.rooms.set("room", time.Hour)
		const n = 2600
		w.fillBatches("room", n)
		for _, newestFirst := range []bool{false, true} {
			all := w.list(history.Query{RoomID: "room", Max: 200, NewestFirst: newestFirst})
			inOrder(t, all, newestFirst)
			if len(all) != n {
				t.Errorf("newest first %v: there are %d messages, want %d", newestFirst, len(all), n)
			}
		}
		w.compact()
		if all := w.list(history.Query{RoomID: "room", Max: 200}); len(all) != n {
			t.Errorf("after the compaction there are %d messages, want %d", len(all), n)
		}
	})
}

// TestUnavailable reads from a database that was closed.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	w := sqlite(t)(t)
	w.rooms.set("room", time.Hour)
	w.append(w.frame("room", "ann", "x"))
	check(t, w.Compact(t.Context()))
	db := w.DB
	w.close()
	_, _, err := db.List(t.Context(), history.Query{RoomID: "room", Max: 1})
	unavailable(t, err)
	_, err = db.Latest(t.Context(), "room", 1, start)
	unavailable(t, err)
	unavailable(t, db.Compact(t.Context()))
	_, err = db.Erase(t.Context(), "", "ann", nil)
	unavailable(t, err)
}

// TestLongerRetention holds that a deleted message stays deleted when the retention
// becomes longer before its piece was deleted.
func TestLongerRetention(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		w := open(t)
		w.rooms.set("room", time.Hour)
		f := w.frame("room", "ann", "rude")
		w.append(f, w.deletion("room", "mod", f.ID, ""))
		w.clock.set(start.Add(5 * time.Minute))
		w.append(w.frame("room", "ann", "later"))
		w.compact()
		w.clock.set(start.Add(time.Hour + time.Minute))
		check(t, w.Changed(t.Context(), "room"))
		check(t, w.Prune(t.Context()))
		w.rooms.set("room", 24*time.Hour)
		for _, m := range w.list(history.Query{RoomID: "room", Max: 10, NotBefore: start}) {
			if m.Content == "rude" {
				t.Error("the deleted message is listed again")
			}
		}
	})
}
