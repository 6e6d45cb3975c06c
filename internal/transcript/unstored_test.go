package transcript_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/sqldb"
)

// unwritable makes the database of a test refuse writes until the function that it returns is
// called. It can be read.
func unwritable(t *testing.T, driver, source, lock string) (again func()) {
	t.Helper()
	db := must(sql.Open(driver, source))(t)
	t.Cleanup(func() { db.Close() })
	tx := must(db.BeginTx(t.Context(), nil))(t)
	if _, err := tx.ExecContext(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// TestUnstored holds that the history does not show what was deleted while the database could not
// be written, nor show anything to users who were disconnected then. Rooms continue meanwhile, so
// their clients know of both.
func TestUnstored(t *testing.T) {
	t.Parallel()
	dir, url := filepath.Join(t.TempDir(), "data"), migrated(t)
	for _, c := range []struct {
		name, driver, source, lock string
		open                       opener
	}{
		{"sqlite", "sqlite", filepath.Join(dir, "transcript.db") + "?_txlock=immediate", `SELECT 1`, opened(sqldb.Options{Dir: dir})},
		{"postgres", "pgx", url, `LOCK TABLE history_batches IN EXCLUSIVE MODE`, opened(sqldb.Options{URL: url})},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := c.open(t)
			n := uint64(0)
			appended := func(f *chat.Frame) {
				t.Helper()
				n++
				f.RoomID, f.Epoch, f.Sequence, f.Time, f.Keep = "room", 1, n, time.Now(), time.Hour
				wait(t, db.Append(f))
			}
			for _, id := range []string{"one", "two"} {
				appended(&chat.Frame{ID: id, Type: chat.MessageFrame, Action: chat.ActionSendMessage, JSON: []byte(`{}`), UserID: "ann"})
			}
			db.Settle(t.Context())
			again := unwritable(t, c.driver, c.source, c.lock)
			deletion := &chat.Deletion{MessageID: "one", By: "moderator", Reason: "rude"}
			appended(&chat.Frame{ID: "three", Type: chat.EventFrame, Action: chat.ActionDeleteMessage, JSON: []byte(`{}`), Deletion: deletion})
			appended(&chat.Frame{ID: "four", Type: chat.EventFrame, Action: chat.ActionDisconnectUser, JSON: []byte(`{}`), DisconnectUser: "bob"})

			check := func(t *testing.T) {
				t.Helper()
				var ids []string
				for _, f := range must(db.Latest(t.Context(), "room", 10, time.Time{}))(t) {
					ids = append(ids, f.ID)
				}
				if !slices.Equal(ids, []string{"two"}) {
					t.Errorf("the latest are %v", ids)
				}
				page, _, err := db.History().List(t.Context(), history.Query{RoomID: "room", IncludeDeleted: true, Max: 10})
				if err != nil || len(page) != 2 {
					t.Fatalf("%d messages are listed, error %v", len(page), err)
				}
				if d := page[0].Deletion; d == nil || d.By != deletion.By || d.Reason != deletion.Reason || time.Since(d.Time) > time.Minute {
					t.Errorf("the deletion of the first is %+v", d)
				}
				for user, want := range map[string]bool{"bob": true, "ann": false} {
					if got := must(db.History().Disconnected(t.Context(), "room", user, time.Now().Add(-time.Minute)))(t); got != want {
						t.Errorf("%s is disconnected: %t", user, got)
					}
				}
				if later := must(db.History().Disconnected(t.Context(), "room", "bob", time.Now().Add(time.Minute)))(t); later {
					t.Error("a later token of the user cannot read")
				}
			}
			check(t)
			if d := cmp.Diff([]string{"one"}, db.Deleted("room")); d != "" {
				t.Errorf("other nodes get other deletions:\n%s", d)
			}
			again()
			until(t, "the database has all", func() bool { return len(db.Deleted("room")) == 0 })
			check(t)
		})
	}
}
