package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"confab/internal/chat"
	"confab/internal/pgtest"
	"confab/internal/store"
)

const (
	region  = "us-west-2"
	account = "123456789012"
)

var secretKey = bytes.Repeat([]byte{7}, store.SecretKeySize)

// opener opens the store of one test. It always opens the same data; what the
// test opens is closed at its end, unless the test has done so itself.
type opener func(t testing.TB, change ...func(*store.Options)) *store.DB

// dialects runs a test for every kind of database that Confab knows, beside
// other tests.
func dialects(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqlite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, postgres(t))
	})
}

// postgres opens a database of the shared cluster that has nothing but its
// schema.
func postgres(tb testing.TB) opener {
	tb.Helper()
	url := migrated(tb)
	return opened(func(o *store.Options) { o.Database = url })
}

// migrated returns the URL of a database as the first server leaves it.
func migrated(tb testing.TB) string {
	tb.Helper()
	cluster := pgtest.Shared(tb)
	template.Do(func() {
		cluster.Exec(tb, `CREATE DATABASE migrated`)
		db := must(store.Open(tb.Context(), options("", func(o *store.Options) { o.Database = cluster.URL("migrated") })))(tb)
		if err := db.Close(); err != nil {
			tb.Fatal(err)
		}
	})
	return cluster.Copy(tb, "migrated")
}

// template makes the database that others begin as, once.
var template sync.Once

func sqlite(tb testing.TB) opener {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "data")
	return opened(func(o *store.Options) { o.Dir = dir })
}

// opened opens the store that where sets.
func opened(where func(*store.Options)) opener {
	return func(tb testing.TB, change ...func(*store.Options)) *store.DB {
		tb.Helper()
		db, err := store.Open(tb.Context(), options("", append([]func(*store.Options){where}, change...)...))
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := db.Close(); err != nil {
				tb.Error(err)
			}
		})
		return db
	}
}

func options(dir string, change ...func(*store.Options)) store.Options {
	o := store.Options{Dir: dir, SecretKey: secretKey, Region: region, Account: account}
	for _, c := range change {
		c(&o)
	}
	return o
}

// serving are the options of a server.
func serving(dir string) store.Options {
	return options(dir, func(o *store.Options) { o.Server = true })
}

// redeem spends a token of nobody in particular.
func redeem(db *store.DB, ctx context.Context, id [16]byte, expires time.Time) error { //nolint:revive // The store comes first, as in db.Redeem.
	return db.Redeem(ctx, &chat.Token{ID: id, Expires: expires}, netip.Addr{})
}

// wantCode ends the test when err is not a *chat.Error of that code.
func wantCode(t testing.TB, err error, code chat.Code) {
	t.Helper()
	_ = refusal(t, err, code)
}

// refusal is wantCode for tests that look at more of the refusal.
func refusal(t testing.TB, err error, code chat.Code) *chat.Error {
	t.Helper()
	e, ok := errors.AsType[*chat.Error](err)
	if !ok || e.Code != code {
		t.Fatalf("got %v, want a refusal that is %q", err, code)
	}
	return e
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// clock is a clock that tests set, while the store may read it.
type clock struct{ t atomic.Pointer[time.Time] }

func newClock(t time.Time) *clock {
	c := new(clock)
	c.set(t)
	return c
}

func (c *clock) now() time.Time       { return *c.t.Load() }
func (c *clock) set(t time.Time)      { c.t.Store(&t) }
func (c *clock) add(d time.Duration)  { c.set(c.now().Add(d)) }
func (c *clock) use(o *store.Options) { o.Now = c.now }

func TestOpen(t *testing.T) {
	t.Run("makes everything for its owner only", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "new", "data")
		db, err := store.Open(t.Context(), options(dir))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.CreateRoom(t.Context(), &chat.Room{}, 0); err != nil {
			t.Fatal(err)
		}
		info := must(os.Stat(dir))(t)
		if got := info.Mode().Perm(); got != 0o700 {
			t.Errorf("the directory has mode %o, want 700", got)
		}
		files := must(os.ReadDir(dir))(t)
		if len(files) < 6 {
			t.Errorf("there are %d files, want three databases with their logs", len(files))
		}
		for _, f := range files {
			if got := must(f.Info())(t).Mode().Perm(); got != 0o600 {
				t.Errorf("%s has mode %o, want 600", f.Name(), got)
			}
		}
	})

	t.Run("finds what was stored before", func(t *testing.T) {
		dialects(t, func(t *testing.T, open opener) {
			room := &chat.Room{Name: "kept"}
			db := open(t)
			if err := db.CreateRoom(t.Context(), room, 0); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if got := must(open(t).Room(t.Context(), room.ARN.ID))(t); got.Name != "kept" {
				t.Errorf("the room is called %q, want kept", got.Name)
			}
		})
	})

	t.Run("a second process may have it open", func(t *testing.T) {
		dialects(t, func(t *testing.T, open opener) {
			server, command := open(t), open(t)
			room := &chat.Room{Name: "shared"}
			if err := command.CreateRoom(t.Context(), room, 0); err != nil {
				t.Fatal(err)
			}
			must(server.Room(t.Context(), room.ARN.ID))(t)
		})
	})
}

// TestOpenRefuses holds that every refusal names the file and says what to do.
func TestOpenRefuses(t *testing.T) {
	write := func(t *testing.T, path string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, dir string)
		change  func(o *store.Options)
		want    []string
	}{
		{
			name:   "a secret key of the wrong length",
			change: func(o *store.Options) { o.SecretKey = o.SecretKey[1:] },
			want:   []string{"31 bytes", "exactly 32"},
		},
		{
			name:   "a secret key of another database",
			change: func(o *store.Options) { o.SecretKey = bytes.Repeat([]byte{8}, store.SecretKeySize) },
			want:   []string{"the secret key does not open the database", "--secret-key-file"},
		},
		{
			name: "a file that is no database",
			prepare: func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, "confab.db"), bytes.Repeat([]byte("no database "), 1000))
			},
			want: []string{"confab.db", "not a database of Confab", "--data-dir"},
		},
		{
			name: "a damaged database",
			prepare: func(t *testing.T, dir string) {
				path := filepath.Join(dir, "tokens.db")
				content := must(os.ReadFile(path))(t)
				for i := 100; i < 4096; i++ {
					content[i] ^= 0x55
				}
				write(t, path, content)
			},
			want: []string{"tokens.db", "damaged", "backup", "used once more"},
		},
		{
			name: "a database of another program",
			prepare: func(t *testing.T, dir string) {
				path := filepath.Join(dir, "confab.db")
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				execute(t, path, `CREATE TABLE other (a INTEGER)`)
			},
			want: []string{"confab.db", "not a database of Confab", "--data-dir"},
		},
		{
			name: "a database of a newer version",
			prepare: func(t *testing.T, dir string) {
				execute(t, filepath.Join(dir, "transcript.db"), `INSERT INTO schema_version (version_id, is_applied) VALUES (99, 1)`)
			},
			want: []string{"transcript.db", "newer Confab", "version 99", "up to 6"},
		},
		{
			name: "a database that another process keeps locked",
			prepare: func(t *testing.T, dir string) {
				other := must(sql.Open("sqlite", filepath.Join(dir, "confab.db")))(t)
				t.Cleanup(func() { other.Close() })
				other.SetMaxOpenConns(1)
				for _, statement := range []string{`PRAGMA locking_mode = EXCLUSIVE`, `BEGIN EXCLUSIVE`} {
					if _, err := other.ExecContext(t.Context(), statement); err != nil {
						t.Fatal(err)
					}
				}
			},
			want: []string{"confab.db", "locked by another process", "stop that process"},
		},
		{
			name: "a directory in the place of a file",
			prepare: func(t *testing.T, dir string) {
				if err := errors.Join(os.Remove(filepath.Join(dir, "transcript.db")), os.Mkdir(filepath.Join(dir, "transcript.db"), 0o700)); err != nil {
					t.Fatal(err)
				}
			},
			want: []string{"transcript.db"},
		},
		{
			name: "a data directory that is a file",
			prepare: func(t *testing.T, dir string) {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				write(t, dir, nil)
			},
			want: []string{"not a directory", "--data-dir"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // A locked one is waited for.
			dir := filepath.Join(t.TempDir(), "data")
			db := must(store.Open(t.Context(), options(dir)))(t)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if tt.prepare != nil {
				tt.prepare(t, dir)
			}
			o := options(dir)
			if tt.change != nil {
				tt.change(&o)
			}
			db, err := store.Open(t.Context(), o)
			if err == nil {
				db.Close()
				t.Fatal("it was opened")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has several lines:\n%v", err)
			}
		})
	}
}

// execute changes a closed database from outside.
func execute(t testing.TB, path, statement string, args ...any) {
	t.Helper()
	db := must(sql.Open("sqlite", path))(t)
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func TestPing(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t, func(o *store.Options) { o.Log = slog.New(slog.DiscardHandler) })
		for range 3 {
			if err := db.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		wantCode(t, db.Ping(context.WithoutCancel(t.Context())), chat.Unavailable)
	})
}
