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

// TestWithdrawn stores frames that are not delivered, and withdraws them: in batches, and in
// pieces.
func TestWithdrawn(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		for _, compact := range [][]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
			w := open(t)
			room, lonely := fmt.Sprint("room", compact), fmt.Sprint("lonely", compact)
			w.rooms.set(room, time.Hour)
			w.rooms.set(lonely, time.Hour)
			at := func(epoch uint64, f *chat.Frame) *chat.Frame {
				again := *f
				again.Epoch = epoch
				return &again
			}
			first, lost, moved, event := w.frame(room, "ann", "1"), w.frame(room, "ann", "lost"), w.frame(room, "ann", "2"), w.frame(room, "", "event")
			event.Type, event.Action = chat.EventFrame, chat.ActionSendEvent
			deletion := w.deletion(room, "eve", first.ID, "")
			alone := w.frame(lonely, "ann", "alone")
			w.append(at(1, first), at(1, lost), at(1, moved), at(1, event), at(1, deletion), at(1, alone))
			if compact[0] {
				w.compact()
			}
			undone := deletion.Withdrawal(2, 1)
			undone.Deletion = deletion.Deletion
			// The message that the next home delivered is there, although the first one takes it
			// back later.
			w.append(at(2, moved), lost.Withdrawal(2, 1<<62), event.Withdrawal(1, event.Sequence), undone, alone.Withdrawal(1, alone.Sequence),
				moved.Withdrawal(1, moved.Sequence))
			if compact[1] {
				w.compact()
			}
			w.append(at(2, w.frame(room, "bob", "3")))
			for range 2 { // The last time is after a compaction.
				for _, newestFirst := range []bool{false, true} {
					var got []string
					for _, m := range w.list(history.Query{RoomID: room, NewestFirst: newestFirst, IncludeEvents: true, Max: 10}) {
						got = append(got, m.Content)
					}
					if newestFirst {
						slices.Reverse(got)
					}
					if fmt.Sprint(got) != "[1 2 3]" {
						t.Errorf("compactions %v, newest first %v: got %v", compact, newestFirst, got)
					}
				}
				if all := w.list(history.Query{RoomID: lonely, Max: 10}); len(all) != 0 {
					t.Errorf("compactions %v: the room whose only message was withdrawn has %d", compact, len(all))
				}
				w.compact()
			}
			w.close()
		}
	})
}
