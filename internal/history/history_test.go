package history_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/history"
)

func contents(all []history.Message) (c []string) {
	for i := range all {
		c = append(c, all[i].Content)
	}
	return c
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func TestList(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		w := open(t)
		w.rooms.set("room", time.Hour)
		w.rooms.set("other", time.Hour)
		var sent []*chat.Frame
		for i := range 30 {
			w.clock.set(start.Add(time.Duration(i) * time.Second))
			f := w.frame("room", []string{"ann", "bob"}[i%2], fmt.Sprint(i))
			sent = append(sent, f)
			w.append(f, w.frame("other", "cleo", "x"))
			if i%7 == 6 {
				check(t, w.Compact(t.Context()))
			}
		}
		w.append(w.deletion("room", "mod", sent[10].ID, "rude\x00"))
		level := func() string { return fmt.Sprint(w.rows("history_batches"), w.rows("history_pieces")) }
		for _, when := range []string{"in both levels", "in pieces only"} {
			t.Run(when, func(t *testing.T) {
				all := w.list(history.Query{RoomID: "room", Max: 7, IncludeDeleted: true})
				if len(all) != 30 {
					t.Fatalf("there are %d messages, want 30: %v (%s)", len(all), contents(all), level())
				}
				m, f := all[10], sent[10]
				want := history.Message{
					Position: m.Position, Epoch: f.Epoch, Sequence: f.Sequence, Type: f.Type, Action: f.Action, ID: f.ID,
					SendTime: f.Time, UserID: "ann", Content: "10", Attributes: map[string]string{"n": "11"}, SenderAttributes: map[string]string{"name": "ann"},
					Frame: f.JSON, Deletion: &history.Deletion{Time: start.Add(29 * time.Second), By: "mod", Reason: "rude\x00"},
				}
				if diff := cmp.Diff(want, m); diff != "" {
					t.Errorf("sent (-) and read (+) differ:\n%s", diff)
				}
				newest := w.list(history.Query{RoomID: "room", Max: 7, NewestFirst: true})
				if len(newest) != 29 || newest[0].Content != "29" || newest[28].Content != "0" {
					t.Errorf("newest first there are %v", contents(newest))
				}
				if got := contents(w.list(history.Query{RoomID: "room", Max: 3, UserID: "bob", Start: start.Add(5 * time.Second), End: start.Add(11 * time.Second)})); !cmp.Equal(got, []string{"5", "7", "9"}) {
					t.Errorf("bob's are %v", got)
				}
				if got := contents(w.list(history.Query{RoomID: "room", Max: 3, NewestFirst: true, NotBefore: start.Add(27 * time.Second)})); !cmp.Equal(got, []string{"29", "28", "27"}) {
					t.Errorf("those that have not expired are %v", got)
				}
				latest, err := w.Latest(t.Context(), "room", 2, start)
				if got := contents(latest); err != nil || !cmp.Equal(got, []string{"28", "29"}) {
					t.Errorf("the latest are %v, %v", got, err)
				}
				if events := w.list(history.Query{RoomID: "room", Max: 100, IncludeEvents: true, IncludeDeleted: true}); len(events) != 31 || events[30].EventName != chat.DeleteMessageEvent {
					t.Errorf("with events there are %d", len(events))
				}
				if none := w.list(history.Query{RoomID: "nowhere", Max: 1, NewestFirst: true}); len(none) > 0 {
					t.Errorf("an unknown room has %v", contents(none))
				}
			})
			check(t, w.Compact(t.Context()))
		}
		if n := w.rows("history_batches"); n != 0 {
			t.Errorf("%d batches are left", n)
		}
		if n := w.rows("transcript"); n != 0 {
			t.Errorf("%d frames are in the transcript, which nothing reads", n)
		}
	})
}

// TestLoggedAndKept stores frames that are logged, kept, both and neither in one commit.
func TestLoggedAndKept(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		w := open(t)
		w.rooms.set("kept", time.Hour)
		var frames []*chat.Frame
		for _, room := range []string{"kept", "logged"} {
			for range 2 {
				f := w.frame(room, "ann", "x")
				f.LoggingConfigurations = []string{"arn:aws:ivschat:us-west-2:123456789012:logging-configuration/none"}
				frames = append(frames, f)
			}
		}
		frames[0].LoggingConfigurations = nil
		w.append(frames...)
		if n := len(w.list(history.Query{RoomID: "kept", Max: 10})); n != 2 {
			t.Errorf("%d frames are in the history, want 2", n)
		}
		if n := w.rows("transcript"); n != 3 {
			t.Errorf("%d frames are in the transcript, want the 3 that are logged", n)
		}
	})
}
