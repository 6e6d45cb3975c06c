package history_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/history"
)

// TestRepeatedRequest stores a message of a home that is killed before it publishes it, and
// again by the next home, in another order. It is there once, where it was delivered.
func TestRepeatedRequest(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		for _, c := range []struct {
			name           string
			between, after bool // a compaction between the two, and after both
		}{{"in batches", false, false}, {"over both levels", true, false}, {"in one compaction", false, true}, {"in two compactions", true, true}} {
			w := open(t)
			room := c.name
			w.rooms.set(room, time.Hour)
			delivered := func(epoch uint64, f *chat.Frame) *chat.Frame {
				again := *f
				again.Epoch = epoch
				return &again
			}
			first, second, third := w.frame(room, "ann", "1"), w.frame(room, "ann", "2"), w.frame(room, "ann", "3")
			w.append(delivered(1, first), delivered(1, second), delivered(1, third))
			if c.between {
				w.compact()
			}
			w.append(delivered(2, third), delivered(2, w.frame(room, "bob", "4")), delivered(2, second))
			if c.after {
				w.compact()
			}
			check := func(when string) {
				t.Helper()
				for _, newestFirst := range []bool{false, true} {
					var got []string
					for _, m := range w.list(history.Query{RoomID: room, NewestFirst: newestFirst, Max: 10}) {
						got = append(got, m.Content)
					}
					if newestFirst {
						slices.Reverse(got)
					}
					if fmt.Sprint(got) != "[1 3 4 2]" {
						t.Errorf("%s, %s, newest first %v: got %v", c.name, when, newestFirst, got)
					}
				}
			}
			check("at first")
			w.append(delivered(2, w.frame(room, "bob", "5")))
			w.compact()
			if n := w.rows("history_batches"); n != 0 {
				t.Errorf("%d batches are left", n)
			}
			all, err := w.Latest(context.Background(), room, 10, time.Time{})
			if err != nil || len(all) != 5 {
				t.Errorf("%s: the latest are %d messages, %v", c.name, len(all), err)
			}
			w.close()
		}
	})
}
