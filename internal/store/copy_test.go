package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"confab/internal/chat"
	"confab/internal/chattoken"
	"confab/internal/history"
	"confab/internal/iam"
	"confab/internal/store"
)

// TestCopyFails refuses a row of the last database, when the others are there.
func TestCopyFails(t *testing.T) {
	t.Parallel()
	dir, url := filepath.Join(t.TempDir(), "data"), migrated(t)
	lite := opened(func(o *store.Options) { o.Dir, o.Bulk = dir, true })
	post := opened(func(o *store.Options) { o.Database, o.Bulk = url, true })
	for _, way := range []struct {
		name        string
		to          opener
		spoil, mend func()
	}{
		{
			"into PostgreSQL", post,
			func() { statements(t, url, `ALTER TABLE rooms ADD CONSTRAINT broken CHECK (name <> 'refused')`) },
			func() { statements(t, url, `ALTER TABLE rooms DROP CONSTRAINT broken`) },
		},
		{
			"into SQLite", lite,
			func() {
				execute(t, filepath.Join(dir, "confab.db"), `CREATE TRIGGER broken BEFORE INSERT ON rooms WHEN new.name = 'refused' BEGIN SELECT RAISE(ABORT, 'broken'); END`)
			},
			func() { execute(t, filepath.Join(dir, "confab.db"), `DROP TRIGGER broken`) },
		},
	} {
		t.Run(way.name, func(t *testing.T) {
			source := sqlite(t)(t)
			arn := logging(t, source, 1)[0]
			create(t, source, &chat.Room{Name: "first", LoggingConfigurations: []string{arn}})
			create(t, source, &chat.Room{Name: "refused"})
			wait(t, source.Transcript().Append(logged("room", 0, arn)))
			stored(t, source, "room", 1)
			target := way.to(t)
			way.spoil()
			if _, err := store.Copy(t.Context(), source, target); err == nil || !strings.Contains(err.Error(), "broken") {
				t.Fatalf("got %v", err)
			}
			if rooms, _, err := target.ListRooms(t.Context(), store.RoomFilter{}, 10, ""); err != nil || len(rooms) > 0 || len(recorded(t, target, "room")) > 0 {
				t.Errorf("the target has %v and %v, %v", rooms, recorded(t, target, "room"), err)
			}
			way.mend()
			if _, err := store.Copy(t.Context(), source, target); err != nil {
				t.Errorf("once more: %v", err)
			}
			if n := len(recorded(t, target, "room")); n != 1 {
				t.Errorf("%d frames were copied", n)
			}
		})
	}
}

// TestCopyUsed is about servers that use one of the databases, under whatever
// name their connections have.
func TestCopyUsed(t *testing.T) {
	t.Parallel()
	url := migrated(t)
	server := opened(func(o *store.Options) { o.Database = with(t, url, "application_name", "chat") })(t)
	create(t, server, &chat.Room{})
	target := opened(func(o *store.Options) { o.Database, o.Bulk = url, true })(t)
	if _, err := store.Copy(t.Context(), sqlite(t)(t), target); err == nil || !strings.Contains(err.Error(), "used by servers") {
		t.Errorf("got %v", err)
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name     string
		from, to func(testing.TB) opener
	}{{"SQLite to PostgreSQL", sqlite, postgres}, {"PostgreSQL to SQLite", postgres, sqlite}, {"SQLite to SQLite", sqlite, sqlite}} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			bulk := func(o *store.Options) { o.Bulk = true }
			openSource, openTarget := way.from(t), way.to(t)
			source := openSource(t)
			arns := logging(t, source, 2)
			for i := range 300 { // more than one statement inserts
				r := &chat.Room{Name: fmt.Sprint("room", i), Tags: map[string]string{"n": fmt.Sprint(i)}, LoggingConfigurations: arns[:i%3]}
				if i%2 == 0 {
					r.MessageReviewHandler = &chat.MessageReviewHandler{URI: "arn:aws:lambda:us-west-2:123456789012:function:words", FallbackResult: chat.Deny}
				}
				create(t, source, r)
			}
			credentials := &iam.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret", Principal: &iam.Principal{Name: "ann"}}
			if err := source.CreateCredentials(t.Context(), credentials, []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)); err != nil {
				t.Fatal(err)
			}
			if err := source.AddTokenKey(t.Context(), chattoken.Key{ID: 7, CreateTime: time.Unix(1_800_000_000, 5), Secret: []byte("key")}); err != nil {
				t.Fatal(err)
			}
			signer := &chattoken.Signer{Name: "app", Algorithm: "HS256", Key: make([]byte, 32), Rooms: []string{"arn:aws:ivschat:*:*:room/*"}}
			if err := store.NewSigners(source).Create(t.Context(), signer); err != nil {
				t.Fatal(err)
			}
			spent := tokenID()
			if err := redeem(source, t.Context(), spent, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			var last <-chan struct{}
			for i := range uint64(200) {
				last = source.Transcript().Append(logged("room", i, arns[i%2]))
			}
			wait(t, last)
			for i := range uint64(30) { // in both levels of the history
				f := frame("kept", i)
				f.ID, f.Keep = fmt.Sprint("id", i), time.Hour
				if i == 29 {
					f.Deletion = &chat.Deletion{MessageID: "id3", By: "ann", Reason: "\x00"}
				}
				wait(t, source.Transcript().Append(f))
				if i == 20 {
					if err := source.Transcript().History().Compact(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			delivered := deliver(t, source, reader(t, source, arns[0]))["room"]
			if err := source.Close(); err != nil {
				t.Fatal(err)
			}
			source, target := openSource(t, bulk), openTarget(t, bulk)
			copied, err := store.Copy(t.Context(), source, target)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range copied {
				want := map[string]int64{
					"rooms": 300, "room_logging": 300, "transcript": 200, "readers": 2, "backlogs": 2, "logging_configurations": 2, "credentials": 1, "token_keys": 1, "signers": 1, "redemptions": 1,
					"history_batches": 9, "history_pieces": 1, "history_deletions": 1, "history_rooms": 1,
				}[c.Table]
				if c.Rows != want {
					t.Errorf("%d rows of %s were copied, want %d", c.Rows, c.Table, want)
				}
			}
			if _, err := store.Copy(t.Context(), source, target); err == nil {
				t.Error("it was copied onto what is there")
			}

			for _, list := range []func(db *store.DB) any{
				func(db *store.DB) any {
					rooms, _, err := db.ListRooms(t.Context(), store.RoomFilter{}, 1000, "")
					return must(rooms, err)(t)
				},
				func(db *store.DB) any {
					all, _, err := db.ListLoggingConfigurations(t.Context(), 1000, "")
					return must(all, err)(t)
				},
				func(db *store.DB) any {
					c := must(db.Credentials(t.Context(), "AKIATEST"))(t)
					return []string{c.SecretAccessKey, c.Principal.ARN}
				},
				func(db *store.DB) any { return must(db.TokenKeys(t.Context()))(t) },
				func(db *store.DB) any { return must(store.NewSigners(db).Signers(t.Context()))(t) },
				func(db *store.DB) any { return must(db.Transcript().Read(t.Context(), "room", 0, 1000))(t) },
				func(db *store.DB) any { return keptIn(t, db) },
			} {
				if diff := cmp.Diff(list(source), list(target)); diff != "" {
					t.Errorf("source (-) and target (+) differ:\n%s", diff)
				}
			}
			wantCode(t, redeem(target, t.Context(), spent, time.Now().Add(time.Hour)), chat.Unauthenticated)

			// Readers go on where they were, also with what comes then.
			before := target
			if err := before.Close(); err != nil {
				t.Fatal(err)
			}
			target = openTarget(t)
			wait(t, target.Transcript().Append(logged("room", 200, arns...)))
			all := must(target.Transcript().Read(t.Context(), "room", 0, 1000))(t)
			if len(all) != 201 || all[200].Position <= all[199].Position {
				t.Errorf("the next frame has position %d, after %d", all[200].Position, all[199].Position)
			}
			f := frame("kept", 30)
			f.Keep = time.Hour
			wait(t, target.Transcript().Append(f))
			if kept := keptIn(t, target); len(kept) != 31 || kept[30].Position <= kept[29].Position || kept[3].Deletion == nil {
				t.Errorf("there are %d kept frames", len(kept))
			}
			if got := deliver(t, target, reader(t, target, arns[0]))["room"]; len(got) != 1 || len(delivered) != 100 {
				t.Errorf("the reader had %d frames and gets %d, want 100 and 1", len(delivered), len(got))
			}
			if got := deliver(t, target, reader(t, target, arns[1]))["room"]; len(got) != 101 {
				t.Errorf("the other reader gets %d frames, want 101", len(got))
			}
		})
	}
}

// keptIn returns the history of the room "kept".
func keptIn(t *testing.T, db *store.DB) []history.Message {
	t.Helper()
	all, _, err := db.Transcript().History().List(t.Context(), history.Query{RoomID: "kept", IncludeDeleted: true, Max: 100})
	return must(all, err)(t)
}

// TestCopyText is about text that one database can hold and another cannot.
func TestCopyText(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	source := opened(func(o *store.Options) { o.Dir, o.Bulk = dir, true })(t)
	target := opened(func(o *store.Options) { o.Database, o.Bulk = migrated(t), true })(t)
	const uri = "arn:aws:lambda:us-west-2:123456789012:function:check"
	room := create(t, source, &chat.Room{
		Name: "text", Tags: map[string]string{"k\u2028\u00a0漢": "\ufffd😀\u0000\u0001"},
		MessageReviewHandler: &chat.MessageReviewHandler{URI: uri + "\ufffd"},
	})
	logs := logging(t, source, 1)[0]
	f := logged("text", 1, logs)
	f.JSON = []byte(`{"Attributes":{"k":"\u0000\u2028"}}`)
	wait(t, source.Transcript().Append(f))
	file := filepath.Join(dir, "confab.db")
	execute(t, file, `UPDATE rooms SET handler_uri = ? WHERE id = ?`, uri+"\x00", room.ARN.ID)
	_, err := store.Copy(t.Context(), source, target)
	if err == nil || !strings.Contains(err.Error(), room.ARN.ID) || !strings.Contains(err.Error(), "handler_uri") || !strings.Contains(err.Error(), "NUL") {
		t.Fatalf("got %v", err)
	}
	execute(t, file, `UPDATE rooms SET handler_uri = ? WHERE id = ?`, uri, room.ARN.ID)
	if _, err := store.Copy(t.Context(), source, target); err != nil {
		t.Fatal(err)
	}
	copied, err := target.Room(t.Context(), room.ARN.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(room.Tags, copied.Tags); diff != "" {
		t.Error(diff)
	}
	if frames := recorded(t, target, "text"); len(frames) != 1 || string(frames[0].JSON) != string(f.JSON) {
		t.Errorf("the frames are %v", frames)
	}
}
