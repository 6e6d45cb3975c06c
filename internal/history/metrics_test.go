package history_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/sqldb"
)

// TestMetrics breaks the tables of the history: reads that fail are counted, and the time
// for which a compaction fails is shown.
func TestMetrics(t *testing.T) {
	t.Parallel()
	w := sqlite(t)(t)
	w.rooms.set("room", time.Hour)
	m := history.NewMetrics(nil)
	db := history.New(w.sql, history.Options{Rooms: w.rooms, Log: slog.New(slog.DiscardHandler), Metrics: m})
	append := func() {
		t.Helper()
		check(t, w.sql.Share(t.Context(), func(ctx context.Context, s sqldb.Session) error {
			return db.Append(ctx, s, []*chat.Frame{w.frame("room", "ann", "x")})
		}))
	}
	execute := func(query string) {
		t.Helper()
		check(t, w.sql.Share(t.Context(), func(ctx context.Context, s sqldb.Session) error {
			_, err := s.Exec(ctx, query)
			return err
		}))
	}
	append()
	if _, err := db.Latest(t.Context(), "room", 1, time.Time{}); err != nil || testutil.ToFloat64(m.FailedReads) != 0 {
		t.Errorf("%v failed reads are counted, %v", testutil.ToFloat64(m.FailedReads), err)
	}
	execute(`ALTER TABLE history_pieces RENAME TO away`)
	if _, err := db.Latest(t.Context(), "room", 1, time.Time{}); err == nil || testutil.ToFloat64(m.FailedReads) != 1 {
		t.Errorf("%v failed reads are counted, want 1; %v", testutil.ToFloat64(m.FailedReads), err)
	}
	db.Start()
	defer db.Close()
	wait := func(what string, holds func(lag float64) bool) {
		t.Helper()
		for began := time.Now(); !holds(testutil.ToFloat64(m.CompactionLag)); time.Sleep(20 * time.Millisecond) {
			if time.Since(began) > 20*time.Second {
				t.Fatal(what)
			}
		}
	}
	wait("no lag is shown", func(lag float64) bool { return lag > 0 })
	execute(`ALTER TABLE away RENAME TO history_pieces`)
	wait("the lag does not end", func(lag float64) bool { return lag == 0 })
}
