package transcript_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/history"
	"confab/internal/transcript"
)

// rooms has every room; the one named kept keeps its messages.
type rooms struct{}

func (rooms) Room(_ context.Context, id string) (*chat.Room, error) {
	r := &chat.Room{LoggingConfigurations: configurations(2)}
	if id == "kept" {
		r.Tags = map[string]string{"confab:history": "1h"}
	}
	return r, nil
}

// erasing opens a transcript that can erase.
func erasing(t *testing.T, open opener, change ...func(*options)) *database {
	t.Helper()
	return open(t, append(change, func(o *options) { o.Rooms = rooms{} })...)
}

// said is a message of a user that n logging configurations log.
func said(room, user string, at time.Time, sequence uint64, n int) *chat.Frame {
	m := chat.Message{ID: chat.NewID(), Content: "words of " + user, SendTime: at, UserID: user, SenderAttributes: map[string]string{"name": user}}
	f := &chat.Frame{
		RoomID: room, Epoch: 1, Sequence: sequence, ID: m.ID, Type: chat.MessageFrame, Time: at, JSON: m.AppendJSON(nil), UserID: user,
		LoggingConfigurations: configurations(n),
	}
	if room == "kept" {
		f.Keep = time.Hour
	}
	return f
}

// remove removes all that was appended.
func remove(t *testing.T, db *database, room, user string) *transcript.Erasure {
	t.Helper()
	check(t, db.Flush(t.Context()))
	e := must(db.NewErasure(t.Context(), room, user))(t)
	for e.Removing() {
		if err := e.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
		e = must(db.NewErasure(t.Context(), room, user))(t)
	}
	return e
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestErasure erases a user whose records are partly delivered, and finds the rest gone.
func TestErasure(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := erasing(t, open)
		hour := time.Now().UTC().Truncate(time.Hour)
		var last <-chan struct{}
		users := []string{"ann", `b"ob`, "ann", "eve", `b"ob`}
		for _, room := range []string{"kept", "other", "third"} {
			for i, user := range users {
				last = db.Append(said(room, user, hour.Add(time.Duration(i)*time.Minute-2*time.Hour*time.Duration(min(i, 1))), uint64(i+1), 1))
			}
		}
		wait(t, last)
		check(t, db.Flush(t.Context()))
		readers := must(db.Readers(t.Context()))(t)
		reader := readers[0].ID
		must(db.Claim(t.Context(), []int64{reader}))(t)
		backlog := func(room string) chatlog.Backlog {
			t.Helper()
			for _, b := range must(db.Backlogs(t.Context(), reader, time.Now().Add(time.Hour), 0, 10))(t) {
				if b.RoomID == room {
					return b
				}
			}
			t.Fatalf("there is no backlog of %s", room)
			return chatlog.Backlog{}
		}
		owed := func(room string) (all []string) {
			t.Helper()
			b := backlog(room)
			for _, r := range must(db.Owed(t.Context(), b, b.Delivered, b.Head, 10))(t) {
				all = append(all, string(r.JSON))
			}
			return all
		}
		// The first message of the user in one room is delivered.
		b := backlog("other")
		first := must(db.Owed(t.Context(), b, 0, b.Head, 10))(t)[1]
		check(t, db.Advance(t.Context(), b, first.Position, len(first.JSON), first.Time))
		// The last one may be part of an object that is written.
		third := backlog("third")
		check(t, db.BeginObject(t.Context(), third, chatlog.Object{Key: "key", To: third.Head}))

		before := len(owed("kept"))
		e := remove(t, db, "", `b"ob`)
		if !e.Settling() || e.Messages != 6 {
			t.Errorf("%d messages are removed, want 6", e.Messages)
		}
		if n := len(owed("kept")); before != 5 || n != 3 {
			t.Errorf("%d of %d records are left", n, before)
		}
		if all, _, err := db.History().List(t.Context(), history.Query{RoomID: "kept", Max: 10}); err != nil || len(all) != 3 {
			t.Errorf("%d messages are left in the history, %v", len(all), err)
		}
		// A call of before was under way: it is delivered after all.
		kept := backlog("kept")
		check(t, db.Advance(t.Context(), kept, kept.Head, 0, time.Now()))
		check(t, e.Settle(t.Context()))
		logs := must(e.Logs(t.Context()))(t)
		var got []string
		for _, l := range logs {
			got = append(got, string(l.Destination.Type)+"/"+l.Destination.Name+" "+l.RoomID+" "+l.Start.Sub(hour).String()+" "+l.End.Sub(hour).String())
		}
		want := []string{"s3/bucket kept -2h0m0s -1h0m0s", "s3/bucket other -2h0m0s -1h0m0s", "s3/bucket third -2h0m0s -1h0m0s"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("logs, want (-) and got (+) differ:\n%s", diff)
		}

		// The clients of the rooms are told of the newest first.
		rooms := must(e.Rooms(t.Context(), 10))(t)
		if len(rooms) != 3 || len(rooms["kept"]) != 2 || rooms["kept"][0].Sent <= rooms["kept"][1].Sent {
			t.Errorf("clients are told of %v", rooms)
		}
		rooms["kept"], rooms["other"], rooms["third"] = rooms["kept"][1:], nil, nil
		check(t, e.Told(t.Context(), rooms))
		e = must(db.NewErasure(t.Context(), "", `b"ob`))(t)
		if left := must(e.Rooms(t.Context(), 10))(t); len(left) != 1 || len(left["kept"]) != 1 || e.Removing() || e.Settling() {
			t.Errorf("left is %v", left)
		}
		check(t, e.Told(t.Context(), map[string][]transcript.Told{"kept": nil}))
		check(t, e.Finish(t.Context()))

		// The answer of a later call adds to that.
		wait(t, db.Append(said("other", `b"ob`, hour, 10, 0)))
		if e = remove(t, db, "", `b"ob`); e.Messages != 7 || len(must(e.Logs(t.Context()))(t)) != 3 {
			t.Errorf("%d messages were removed in all, want 7", e.Messages)
		}
	})
}

// A record that no call had read is not in the logs of its destination.
func TestErasureBeforeDelivery(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		start := time.Now()
		c := &clock{now: start}
		db := erasing(t, open, c.use)
		for _, room := range []string{"kept", "other"} {
			wait(t, db.Append(said(room, "ann", start, 1, 2)))
		}
		check(t, db.Flush(t.Context()))
		e := remove(t, db, "kept", "ann")
		check(t, e.Settle(t.Context()))
		if logs := must(e.Logs(t.Context()))(t); len(logs) != 0 {
			t.Errorf("logs are %v", logs)
		}
		if n := len(recorded(t, db, "kept")) + len(recorded(t, db, "other")); n != 1 || e.Messages != 1 {
			t.Errorf("%d records are left, %d messages are removed", n, e.Messages)
		}
		check(t, e.Finish(t.Context()))
		c.now = start.Add(2 * time.Hour)
		check(t, db.Prune(t.Context()))
		if e = must(db.NewErasure(t.Context(), "kept", "ann"))(t); e.Messages != 0 {
			t.Errorf("the erasure is not forgotten: %d messages", e.Messages)
		}
	})
}

// At most 500 messages of a room are told of, the newest.
func TestErasureTellsTheNewest(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := erasing(t, open)
		now := time.Now().Truncate(time.Second)
		var last <-chan struct{}
		for i := range 2 * transcript.MostTold {
			last = db.Append(said("other", "ann", now.Add(time.Duration(i)*time.Millisecond), uint64(i+1), 1))
		}
		wait(t, last)
		check(t, db.Flush(t.Context()))
		e := remove(t, db, "other", "ann")
		told := must(e.Rooms(t.Context(), 10))(t)["other"]
		if len(told) != transcript.MostTold || told[len(told)-1].Sent != now.Add(transcript.MostTold*time.Millisecond).UnixNano() {
			t.Errorf("%d messages are told of", len(told))
		}
		if n := len(recorded(t, db, "other")); n != 0 || e.Messages != 2*transcript.MostTold {
			t.Errorf("%d records are left, %d messages are removed", n, e.Messages)
		}
	})
}
