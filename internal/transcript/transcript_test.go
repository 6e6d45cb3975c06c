package transcript_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/sqldb"
	"confab/internal/transcript"
)

func TestTranscript(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)

		t.Run("a frame comes back as it was appended", func(t *testing.T) {
			f := frame("whole", 1<<63+5)
			f.Epoch, f.Type = 1<<63+9, chat.EventFrame
			wait(t, db.Append(f))
			stored(t, db, "whole", 1)
			got := recorded(t, db, "whole")
			if len(got) != 1 {
				t.Fatalf("there are %d records", len(got))
			}
			want := transcript.Record{Position: got[0].Position, RoomID: "whole", Epoch: f.Epoch, Sequence: f.Sequence, Time: f.Time, Type: f.Type, JSON: f.JSON}
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Errorf("appended (-) and read (+) differ:\n%s", diff)
			}
		})

		t.Run("every room keeps its order, whatever its neighbours do", func(t *testing.T) {
			const rooms, frames = 8, 300
			var wg sync.WaitGroup
			for room := range rooms {
				wg.Go(func() {
					var last <-chan struct{}
					for i := range frames {
						last = db.Append(frame(fmt.Sprint("room", room), uint64(i)))
					}
					wait(t, last)
				})
			}
			wg.Wait()
			for room := range rooms {
				stored(t, db, fmt.Sprint("room", room), frames)
				all := recorded(t, db, fmt.Sprint("room", room))
				if len(all) != frames {
					t.Errorf("room %d has %d records, want %d", room, len(all), frames)
				}
				for i, r := range all {
					if r.Sequence != uint64(i) {
						t.Fatalf("room %d: record %d is frame %d", room, i, r.Sequence)
					}
				}
			}
		})

		t.Run("what was appended before closing is kept", func(t *testing.T) {
			db := open(t)
			for i := range 2000 {
				db.Append(frame("closing", uint64(i)))
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if n := len(recorded(t, open(t), "closing")); n != 2000 {
				t.Errorf("%d of 2000 frames are there", n)
			}
		})
	})
}

func TestPrune(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		start := time.Unix(1_800_000_000, 0)
		c := &clock{now: start}
		db := open(t, c.use, func(o *options) { o.Retention = time.Hour })
		const frames = 1200 // more than one transaction deletes
		var last <-chan struct{}
		for i := range frames {
			last = db.Append(frame("room", uint64(i)))
		}
		wait(t, last)
		stored(t, db, "room", frames)
		newest := recorded(t, db, "room")[frames-1].Position

		c.now = start.Add(time.Hour)
		if err := db.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(recorded(t, db, "room")); n != frames {
			t.Errorf("%d of %d records are left within the retention", n, frames)
		}
		c.now = start.Add(time.Hour + time.Second)
		if err := db.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(recorded(t, db, "room")); n != 0 {
			t.Errorf("%d records are left after the retention", n)
		}
		wait(t, db.Append(frame("room", frames)))
		stored(t, db, "room", 1)
		if got := recorded(t, db, "room"); len(got) != 1 || got[0].Position <= newest {
			t.Errorf("after pruning all, the next record is %+v; a reader that has read up to %d would miss it", got, newest)
		}
	})
}

// TestWithoutDisk takes the file away, by a lock that is never given
// back for a while.
func TestWithoutDisk(t *testing.T) {
	t.Run("with the journal", func(t *testing.T) { withoutDisk(t, true) })
	t.Run("without it", func(t *testing.T) { withoutDisk(t, false) })
}

func withoutDisk(t *testing.T, journal bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	db := opened(sqldb.Options{Dir: dir})(t, func(o *options) {
		if o.SpoolBytes = 64 << 10; !journal {
			o.JournalDir = ""
		}
	})
	wait(t, db.Append(frame("room", 0)))
	db.Settle(t.Context())

	blocker := must(sql.Open("sqlite", filepath.Join(dir, "transcript.db")+"?_txlock=immediate"))(t)
	defer blocker.Close()
	tx := must(blocker.BeginTx(t.Context(), nil))(t)

	// The room waits for a moment, and then no more.
	wait(t, db.Append(frame("room", 1)))
	appended := uint64(2)
	if journal {
		until(t, "the trouble is noticed", db.Failing)
	}
	for ; testutil.ToFloat64(db.metrics.FramesDropped) == 0; appended++ {
		done := db.Append(frame("room", appended))
		if journal {
			wait(t, done) // The journal still works.
		}
		select {
		case <-done:
		default:
			t.Fatalf("frame %d keeps its room waiting", appended)
		}
		if appended > 64<<10 {
			t.Fatal("the spool has no end")
		}
	}
	if got := recorded(t, db, "room"); len(got) != 1 {
		t.Errorf("%d frames can be read, want the one before the trouble", len(got))
	}

	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	kept := appended - 1 // the last one was dropped
	until(t, "all frames of the spool are written", func() bool { return uint64(len(recorded(t, db, "room"))) >= kept })
	for i, r := range recorded(t, db, "room") {
		if r.Sequence != uint64(i) {
			t.Fatalf("record %d is frame %d", i, r.Sequence)
		}
	}
	f := frame("room", appended)
	wait(t, db.Append(f))
	if got := recorded(t, db, "room"); got[len(got)-1].Sequence != appended {
		t.Error("after the trouble, a frame is acknowledged that is not stored")
	}
	if n := testutil.ToFloat64(db.metrics.FramesDropped); n != 1 {
		t.Errorf("%v frames count as dropped, want 1", n)
	}
}
