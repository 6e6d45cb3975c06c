package history_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/history"
	"confab/internal/sqldb"
)

// TestHidden reads messages that only their senders got.
func TestHidden(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		w := open(t)
		w.rooms.set("room", time.Hour)
		var id string
		for i := range 12 {
			f := w.frame("room", []string{"ann", "troll"}[i%2], fmt.Sprint(i))
			f.Hidden = i%2 == 1
			id = f.ID
			w.append(f)
		}
		want := func(q history.Query, contentsOf ...string) {
			t.Helper()
			q.RoomID, q.Max = "room", 5
			if d := cmp.Diff(contentsOf, contents(w.list(q))); d != "" {
				t.Error(d)
			}
		}
		for range 2 {
			want(history.Query{}, "0", "2", "4", "6", "8", "10")
			want(history.Query{Viewer: "ann"}, "0", "2", "4", "6", "8", "10")
			want(history.Query{Viewer: "troll", UserID: "troll"}, "1", "3", "5", "7", "9", "11")
			want(history.Query{IncludeHidden: true, NewestFirst: true}, "11", "10", "9", "8", "7", "6", "5", "4", "3", "2", "1", "0")
			latest, err := w.Latest(t.Context(), "room", 4, time.Time{})
			check(t, err)
			if d := cmp.Diff([]string{"4", "6", "8", "9", "10", "11"}, contents(latest)); d != "" || !latest[3].Hidden || latest[2].Hidden {
				t.Error(d)
			}
			if user, hidden, err := w.Sender(t.Context(), "room", id); user != "troll" || !hidden || err != nil {
				t.Errorf("got %q, %v, %v", user, hidden, err)
			}
			if user, _, err := w.Sender(t.Context(), "room", "none"); user != "" || err != nil {
				t.Errorf("got %q, %v", user, err)
			}
			w.compact()
		}
		hidden := 0
		e, err := w.Erase(t.Context(), "room", "troll", func(_ context.Context, _ sqldb.Session, all []history.Erased) error {
			for _, m := range all {
				if m.Hidden {
					hidden++
				}
			}
			return nil
		})
		check(t, err)
		if e.Messages != 6 || hidden != 6 {
			t.Errorf("%d messages were erased, of which %d were hidden", e.Messages, hidden)
		}
	})
}
