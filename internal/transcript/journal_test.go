package transcript_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/journal"
	"confab/internal/sqldb"
	"confab/internal/transcript"
)

// copied copies the files of a data directory whose names have the pattern into another
// directory.
func copied(t *testing.T, pattern, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range must(filepath.Glob(filepath.Join(from, pattern)))(t) {
		data := must(os.ReadFile(path))(t)
		if err := os.WriteFile(filepath.Join(to, filepath.Base(path)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// journaled is how many frames are in the journal of a data directory.
func journaled(t *testing.T, dir string) int {
	t.Helper()
	here := t.TempDir()
	copied(t, "transcript.frames*", dir, here)
	j, all, err := journal.Open(filepath.Join(here, "transcript.frames"), journal.Mark{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// locked takes the database of a directory away until the end of the test.
func locked(t *testing.T, dir string) {
	t.Helper()
	db := must(sql.Open("sqlite", filepath.Join(dir, "transcript.db")+"?_txlock=immediate"))(t)
	t.Cleanup(func() { db.Close() })
	tx := must(db.BeginTx(t.Context(), nil))(t)
	t.Cleanup(func() { tx.Rollback() }) //nolint:errcheck // The test is over.
}

// TestJournal holds that what was acknowledged is there once after a kill, whether the
// database had it or not. A copy of the files is what a killed process leaves.
func TestJournal(t *testing.T) {
	t.Parallel()
	const n = 700 // more than one transaction
	sequences := func(t *testing.T, db *database, room string) {
		t.Helper()
		if err := db.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := recorded(t, db, room)
		for i, r := range all {
			if r.Sequence != uint64(i) {
				t.Fatalf("record %d is frame %d", i, r.Sequence)
			}
		}
		if len(all) != n {
			t.Errorf("%d of %d frames are there", len(all), n)
		}
	}

	t.Run("frames that the database did not get", func(t *testing.T) {
		t.Parallel()
		dir, killed := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "killed")
		db := opened(sqldb.Options{Dir: dir})(t)
		wait(t, db.Append(logged("room", 0)))
		db.Settle(t.Context())
		locked(t, dir)
		for i := 1; i < n; i++ {
			db.Append(frame("room", uint64(i)))
		}
		until(t, "all frames are in the journal", func() bool { return journaled(t, dir) == n-1 })
		copied(t, "transcript.*", dir, killed)
		for range 2 {
			again := opened(sqldb.Options{Dir: killed})(t)
			sequences(t, again, "room")
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})

	t.Run("readers find them at once, although the database does not take them at once", func(t *testing.T) {
		t.Parallel()
		dir, killed := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "killed")
		db := opened(sqldb.Options{Dir: dir})(t)
		locked(t, dir)
		for i := range n {
			db.Append(logged("room", uint64(i), configurations(1)...))
		}
		until(t, "all frames are in the journal", func() bool { return journaled(t, dir) == n })
		copied(t, "transcript.*", dir, killed)
		again := opened(sqldb.Options{Dir: killed})(t, func(o *options) { o.Configurations = &unreachable{times: 3} })
		readers := must(again.Readers(t.Context()))(t)
		if len(readers) != 1 {
			t.Fatalf("the readers are %+v", readers)
		}
		backlogs := must(again.Backlogs(t.Context(), readers[0].ID, time.Now().Add(time.Hour), 1<<40, 10))(t)
		if len(backlogs) != 1 {
			t.Fatalf("the reader is owed %+v", backlogs)
		}
		owed := must(again.Owed(t.Context(), backlogs[0], backlogs[0].Delivered, backlogs[0].Head, 2*n))(t)
		if len(owed) != n {
			t.Errorf("the reader is owed %d of %d frames", len(owed), n)
		}
		if left := journaled(t, killed); left != 0 {
			t.Errorf("%d frames are left in the journal", left)
		}
	})

	t.Run("frames that the database had, in a journal that was not emptied", func(t *testing.T) {
		t.Parallel()
		dir, before := filepath.Join(t.TempDir(), "data"), t.TempDir()
		db := opened(sqldb.Options{Dir: dir})(t)
		kept := 0
		for i := range n {
			wait(t, db.Append(frame("room", uint64(i))))
			if i == n/2 {
				copied(t, "transcript.frames*", dir, before)
				kept = len(must(filepath.Glob(filepath.Join(before, "*")))(t))
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if kept == 0 {
			t.Fatal("there was no journal")
		}
		if left := must(filepath.Glob(filepath.Join(dir, "transcript.frames*")))(t); len(left) > 0 {
			t.Errorf("a stop leaves %v", left)
		}
		copied(t, "*", before, dir)
		sequences(t, opened(sqldb.Options{Dir: dir})(t), "room")
	})

	t.Run("all that a frame has", func(t *testing.T) {
		t.Parallel()
		dir, killed := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "killed")
		db := opened(sqldb.Options{Dir: dir})(t)
		locked(t, dir)
		at, arns := time.Now(), configurations(2)
		message := &chat.Frame{
			RoomID: "room", Epoch: 1<<63 + 5, Sequence: 1, ID: "one", Type: chat.MessageFrame, Action: chat.ActionSendMessage, Time: at,
			JSON: []byte(`{"Content":"hello"}`), UserID: "ann", Keep: time.Hour, Hidden: true, LoggingConfigurations: arns,
		}
		deletion := &chat.Frame{
			RoomID: "room", Sequence: 2, ID: "two", Type: chat.EventFrame, Action: chat.ActionDeleteMessage, Time: at,
			JSON: []byte(`{}`), UserID: "bob", Keep: time.Hour, Deletion: &chat.Deletion{MessageID: "one", By: "bob", Reason: "rude"},
		}
		kick := &chat.Frame{
			RoomID: "room", Sequence: 3, ID: "three", Type: chat.EventFrame, Action: chat.ActionDisconnectUser, Time: at,
			JSON: []byte(`{}`), Keep: time.Hour, DisconnectUser: "ann",
			Webhooks: []string{"arn:aws:ivschat:us-west-2:123456789012:webhook/webhook00001"},
		}
		taken := &chat.Frame{
			RoomID: "room", Epoch: message.Epoch, Sequence: 4, ID: "four", Type: chat.MessageFrame, Time: at, Keep: time.Hour,
			JSON: []byte(`{"Id":"four"}`), LoggingConfigurations: arns,
		}
		for _, f := range []*chat.Frame{message, deletion, kick, taken, taken.Withdrawal(message.Epoch, 5)} {
			db.Append(f)
		}
		until(t, "all frames are in the journal", func() bool { return journaled(t, dir) == 5 })
		copied(t, "transcript.*", dir, killed)
		again := opened(sqldb.Options{Dir: killed})(t)
		if err := again.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		page, _, err := again.History().List(t.Context(), history.Query{RoomID: "room", IncludeDeleted: true, IncludeHidden: true, IncludeEvents: true, Max: 10})
		if err != nil || len(page) != 3 {
			t.Fatalf("%d frames are kept, error %v", len(page), err)
		}
		want := history.Message{
			Position: page[0].Position, Epoch: message.Epoch, Sequence: 1, Type: message.Type, Action: message.Action, ID: "one",
			SendTime: time.Unix(0, at.UnixNano()).UTC(), UserID: "ann", Content: "hello", Frame: message.JSON, Hidden: true,
			Deletion: &history.Deletion{Time: time.Unix(0, at.UnixNano()).UTC(), By: "bob", Reason: "rude"},
		}
		if diff := cmp.Diff(want, page[0]); diff != "" {
			t.Errorf("appended (-) and read (+) differ:\n%s", diff)
		}
		if ended := must(again.History().Disconnected(t.Context(), "room", "ann", at))(t); !ended {
			t.Error("the user is not disconnected")
		}
		for _, arn := range arns {
			if got := deliver(t, again, reader(t, again, arn)); len(got["room"]) != 1 {
				t.Errorf("%s is owed %v", arn, got)
			}
		}
		hooks := must(transcript.WebhookReaders{DB: again.DB}.Readers(t.Context()))(t)
		if len(hooks) != 1 || hooks[0].Since.IsZero() {
			t.Errorf("the readers of webhooks are %+v", hooks)
		}
	})
}

// unreachable is known after some calls that fail.
type unreachable struct {
	known
	times int
}

func (u *unreachable) LoggingConfiguration(ctx context.Context, id string) (*chat.LoggingConfiguration, error) {
	if u.times--; u.times >= 0 {
		return nil, chat.Errorf(chat.Unavailable, "the database is away")
	}
	return u.known.LoggingConfiguration(ctx, id)
}

// troubles is a log that reports whether it has an error.
type troubles struct {
	slog.Handler
	atomic.Bool
}

func (*troubles) Enabled(context.Context, slog.Level) bool { return true }

func (h *troubles) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		h.Store(true)
	}
	return nil
}

// TestSeen holds that reads find the frames that were acknowledged, although the database
// gets them later.
func TestSeen(t *testing.T) {
	t.Parallel()
	troubles := &troubles{}
	db := opened(sqldb.Options{Dir: filepath.Join(t.TempDir(), "data")})(t, func(o *options) { o.Log = slog.New(troubles) })
	for i := range 20 {
		f := frame("room", uint64(i))
		f.ID, f.Keep, f.UserID = fmt.Sprint("message", i), time.Hour, "ann"
		wait(t, db.Append(f))
		newest := must(db.Latest(t.Context(), "room", 1, time.Time{}))(t)
		if troubles.Load() {
			t.Skip("the disk is so slow that reads do not wait for it")
		}
		if len(newest) != 1 || newest[0].ID != f.ID {
			t.Fatalf("after %s the newest is %+v", f.ID, newest)
		}
		kick := frame("room", uint64(i))
		kick.Keep, kick.DisconnectUser, kick.Time = time.Hour, fmt.Sprint("user", i), time.Now()
		wait(t, db.Append(kick))
		if ended := must(db.History().Disconnected(t.Context(), "room", kick.DisconnectUser, kick.Time))(t); !ended && !troubles.Load() {
			t.Fatal("the user is not disconnected")
		}
	}
}

// TestSlowDatabase holds that frames are not dropped because the journal is faster than the
// database: they wait for it before the spool is full.
func TestSlowDatabase(t *testing.T) {
	t.Parallel()
	troubles := &troubles{}
	const n, room = 400, 40 // frames, of which so many have room in the spool
	db := opened(sqldb.Options{Dir: filepath.Join(t.TempDir(), "data")})(t, func(o *options) {
		o.Log, o.SpoolBytes = slog.New(troubles), room*300
	})
	for i := range n {
		wait(t, db.Append(frame("room", uint64(i))))
		if troubles.Load() && db.Failing() {
			t.Skip("the disk is so slow that frames do not wait for it")
		}
	}
	if all := recorded(t, db, "room"); len(all) != n {
		t.Errorf("%d of %d frames are there", len(all), n)
	}
}
