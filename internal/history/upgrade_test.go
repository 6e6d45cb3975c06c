package history_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"confab/internal/history"
	"confab/internal/pgtest"
	"confab/internal/sqldb"
	"confab/internal/transcript"
)

// TestUpgrade opens a database of the release before, with frames in it.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]func(t *testing.T) sqldb.Options{
		"sqlite":   func(t *testing.T) sqldb.Options { return sqldb.Options{Dir: filepath.Join(t.TempDir(), "data")} },
		"postgres": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Shared(t).Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := o(t)
			before := transcript.Database(0)
			before.Migrations = withoutHistory(t, before.Migrations)
			o.Log, o.Metrics = slog.New(slog.DiscardHandler), sqldb.NewMetrics(nil)
			all, err := sqldb.Open(t.Context(), o, before)
			check(t, err)
			check(t, all[0].Update(t.Context(), func(ctx context.Context, s sqldb.Session) error {
				_, err := s.Exec(ctx, `INSERT INTO transcript (room_id, epoch, sequence, time, type, json, readers) VALUES ('room', 1, 2, 3, 'EVENT', $1, '')`, []byte("{}"))
				return err
			}))
			check(t, sqldb.Close(all...))

			w := opened(o)(t)
			old, err := w.frames.Read(t.Context(), "room", 0, 10)
			if err != nil || len(old) != 1 || old[0].Sequence != 2 {
				t.Errorf("the transcript has %v, %v", old, err)
			}
			w.rooms.set("room", time.Hour)
			w.append(w.frame("room", "ann", "first"))
			w.compact()
			if got := contents(w.list(history.Query{RoomID: "room", Max: 10})); len(got) != 1 {
				t.Errorf("the history has %v", got)
			}
		})
	}
}

// withoutHistory returns the steps of the release before.
func withoutHistory(t *testing.T, steps fs.FS) fs.FS {
	t.Helper()
	old := fstest.MapFS{}
	check(t, fs.WalkDir(steps, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "_history") {
			return err
		}
		b, err := fs.ReadFile(steps, path)
		old[path] = &fstest.MapFile{Data: b}
		return err
	}))
	return old
}

// TestHalfMoved is about a compaction that ended before it deleted its batches.
func TestHalfMoved(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		w := open(t)
		type batch struct {
			number int64
			body   []byte
		}
		var batches []batch
		for i := range 40 {
			room := crowdRoom(i % 3)
			w.rooms.set(room, time.Hour)
			w.append(w.frame(room, "ann", fmt.Sprint(i)))
			if i != 25 {
				continue
			}
			check(t, w.sql.Read().Rows(t.Context(), `SELECT number, body FROM history_batches`, nil, func(scan func(...any) error) error {
				var b batch
				err := scan(&b.number, &b.body)
				batches = append(batches, b)
				return err
			}))
			w.compact()
			check(t, w.sql.Update(t.Context(), func(ctx context.Context, s sqldb.Session) error {
				for _, b := range batches {
					if _, err := s.Exec(ctx, `INSERT INTO history_batches (number, body) VALUES ($1, $2)`, b.number, b.body); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		for _, when := range []string{"before", "after"} {
			total := 0
			for i := range 3 {
				for _, newestFirst := range []bool{false, true} {
					all := w.list(history.Query{RoomID: crowdRoom(i), Max: 3, NewestFirst: newestFirst})
					inOrder(t, all, newestFirst)
					total += len(all)
				}
			}
			if total != 2*40 {
				t.Errorf("%s the next compaction there are %d messages in both directions, want 80", when, total)
			}
			w.compact()
		}
	})
}
