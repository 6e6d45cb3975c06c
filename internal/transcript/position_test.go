package transcript_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chatlog"
)

// owed returns the only backlog of the reader.
func owed(t *testing.T, db *database, reader int64) chatlog.Backlog {
	t.Helper()
	all := must(db.Backlogs(t.Context(), reader, time.Now().Add(time.Hour), 1<<40, 100))(t)
	if len(all) != 1 {
		t.Fatalf("there are %d backlogs, want 1", len(all))
	}
	return all[0]
}

func TestPosition(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		arns := configurations(2)
		for i := range 10 {
			wait(t, db.Append(logged("room", uint64(i), arns...)))
		}
		stored(t, db, "room", 10)
		first, second := reader(t, db, arns[0]), reader(t, db, arns[1])
		b := owed(t, db, first)
		records := must(db.Owed(t.Context(), b, b.Delivered, b.Head, 1000))(t)
		middle := records[3].Position
		if err := db.Advance(t.Context(), b, middle, 1, time.Now()); err != nil {
			t.Fatal(err)
		}

		t.Run("a reader continues behind its position", func(t *testing.T) {
			b := owed(t, db, first)
			left := must(db.Owed(t.Context(), b, b.Delivered, b.Head, 1000))(t)
			if b.Delivered != middle || len(left) != 6 || left[0].Position <= middle {
				t.Errorf("at %d it is owed %d records, want 6 behind %d", b.Delivered, len(left), middle)
			}
		})
		t.Run("readers of a room do not share a position", func(t *testing.T) {
			b := owed(t, db, second)
			if n := len(must(db.Owed(t.Context(), b, b.Delivered, b.Head, 1000))(t)); n != 10 {
				t.Errorf("the second reader is owed %d records, want 10", n)
			}
		})
		t.Run("a position and an object that was begun survive a restart", func(t *testing.T) {
			b := owed(t, db, first)
			object := chatlog.Object{Key: "key", To: b.Head}
			if err := db.BeginObject(t.Context(), b, object); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = open(t)
			b = owed(t, db, first)
			if b.Delivered != middle || b.Object == nil || *b.Object != object {
				t.Errorf("after a restart the reader is at %d with %+v, want %d with %+v", b.Delivered, b.Object, middle, object)
			}
		})
	})
}

func TestPruneOwed(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		c := &clock{now: time.Now()}
		db := open(t, c.use, func(o *options) { o.Retention = time.Hour })
		arns := configurations(2)
		const frames = 5
		for i := range frames {
			wait(t, db.Append(logged("room", uint64(i), arns...)))
		}
		stored(t, db, "room", frames)
		deliver(t, db, reader(t, db, arns[0]))
		dropped := func(arn string) float64 { return testutil.ToFloat64(db.metrics.RecordsDropped.WithLabelValues(arn)) }

		if err := db.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(recorded(t, db, "room")); n != frames {
			t.Errorf("%d records are left, want the %d that one reader is owed", n, frames)
		}
		// The owed ones have the retention, and are counted when they are dropped.
		c.now = c.now.Add(2 * time.Hour)
		if err := db.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(recorded(t, db, "room")); n != 0 {
			t.Errorf("%d records are left after the retention", n)
		}
		if dropped(arns[0]) != 0 || dropped(arns[1]) != frames {
			t.Errorf("%v and %v records count as dropped, want 0 and %d", dropped(arns[0]), dropped(arns[1]), frames)
		}
		if left := must(db.Backlogs(t.Context(), reader(t, db, arns[1]), c.now.Add(time.Hour), 1<<40, 100))(t); len(left) != 0 {
			t.Errorf("the reader is still owed %+v", left)
		}
	})
}
