package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"confab/internal/chat"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// TestCheck looks at a store that a server uses, as its successor does.
func TestCheck(t *testing.T) {
	const (
		older = `DELETE FROM %s WHERE version_id = (SELECT max(version_id) FROM %s)`
		newer = `INSERT INTO %s (version_id, is_applied) VALUES (99, true)`
	)
	change := func(statement string) func(t *testing.T, o *store.Options) {
		return func(t *testing.T, o *store.Options) {
			if o.Database != "" {
				statements(t, o.Database, strings.ReplaceAll(statement, "%s", "schema_version_transcript"))
				return
			}
			execute(t, filepath.Join(o.Dir, "transcript.db"), strings.ReplaceAll(statement, "%s", "schema_version"))
		}
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, o *store.Options)
		want   []string // nothing is no error
	}{
		{"as it is", func(*testing.T, *store.Options) {}, nil},
		{"an older schema", change(older), []string{"has version", "this program needs", "confab database migrate"}},
		{"a newer schema", change(newer), []string{"newer Confab", "version 99"}},
		{
			"another secret key",
			func(_ *testing.T, o *store.Options) { o.SecretKey = bytes.Repeat([]byte{8}, store.SecretKeySize) },
			[]string{"the secret key does not open the database", "--secret-key-file"},
		},
	} {
		for _, dialect := range []string{"sqlite", "postgres"} {
			t.Run(tt.name+"/"+dialect, func(t *testing.T) {
				t.Parallel()
				o := options(filepath.Join(t.TempDir(), "data"))
				if dialect == "postgres" {
					o.Dir, o.Database = "", migrated(t)
				}
				server := must(store.Open(t.Context(), o))(t)
				defer server.Close()
				tt.change(t, &o)
				for range 2 { // The first changes nothing.
					checked, err := store.Check(t.Context(), o)
					if err == nil {
						err = checked.Close()
					}
					if (err == nil) != (tt.want == nil) {
						t.Fatalf("error %v, want %q", err, tt.want)
					}
					for _, want := range tt.want {
						if !strings.Contains(err.Error(), want) {
							t.Errorf("the error does not say %q: %v", want, err)
						}
					}
				}
				if err := server.Ping(t.Context()); err != nil {
					t.Errorf("the server: %v", err)
				}
			})
		}
	}
}

// TestCheck_missing checks stores that do not exist, or not as a whole. They stay as
// they are.
func TestCheck_missing(t *testing.T) {
	t.Run("a directory without a database", func(t *testing.T) {
		dir := t.TempDir()
		checked := must(store.Check(t.Context(), options(dir)))(t)
		if err := checked.Close(); err != nil {
			t.Error(err)
		}
		if files := must(os.ReadDir(dir))(t); len(files) > 0 {
			t.Errorf("it has %v now", files)
		}
	})
	t.Run("a file that was moved away", func(t *testing.T) {
		dir := t.TempDir()
		db := must(store.Open(t.Context(), options(dir)))(t)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		tokens := filepath.Join(dir, "tokens.db")
		if err := os.Remove(tokens); err != nil {
			t.Fatal(err)
		}
		checked := must(store.Check(t.Context(), options(dir)))(t)
		if err := checked.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(tokens); !os.IsNotExist(err) {
			t.Errorf("%s: %v", tokens, err)
		}
	})
	t.Run("a PostgreSQL database without tables", func(t *testing.T) {
		t.Parallel()
		o := options("", func(o *store.Options) { o.Database = pgtest.Shared(t).Database(t) })
		checked := must(store.Check(t.Context(), o))(t)
		if err := checked.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestCheck_close closes a store that another process has checked: its log is not copied
// into the file first, which takes seconds when it is long.
func TestCheck_close(t *testing.T) {
	for _, tt := range []struct {
		name    string
		checked bool
	}{{"alone", false}, {"checked", true}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			db := must(store.Open(t.Context(), options(dir)))(t)
			room := chat.NewID()
			<-db.Transcript().Append(frame(room, 1))
			if tt.checked {
				checked := must(store.Check(t.Context(), options(dir)))(t)
				defer checked.Close()
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			_, err := os.Stat(filepath.Join(dir, "transcript.db-wal"))
			if left := err == nil; left != tt.checked {
				t.Errorf("the log: %v", err)
			}
			db = must(store.Open(t.Context(), options(dir, func(o *store.Options) { o.Checked = tt.checked })))(t)
			defer db.Close()
			if records := must(db.Transcript().Read(t.Context(), room, 0, 2))(t); len(records) != 1 {
				t.Errorf("%d records", len(records))
			}
		})
	}
}
