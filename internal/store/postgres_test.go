package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"confab/internal/chat"
	"confab/internal/pgtest"
	"confab/internal/store"
)

// with adds parameters to a database URL.
func with(t testing.TB, database string, parameters ...string) string {
	t.Helper()
	u := must(url.Parse(database))(t)
	q := u.Query()
	for i := 0; i < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// TestOpenPostgresRefuses holds that every refusal names the database and says
// what to do, and no password.
func TestOpenPostgresRefuses(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Shared(t)
	cluster.Exec(t, `DO $$ BEGIN CREATE USER stranger; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, url string)
		url     func(url string) string
		change  func(o *store.Options)
		want    []string
	}{
		{
			name: "a URL that is none",
			url:  func(string) string { return "postgres://u:hunter2@127.0.0.1:port/confab" },
			want: []string{"the database URL cannot be used", "postgres://user:password@host"},
		},
		{
			name:   "a secret key of another database",
			change: func(o *store.Options) { o.SecretKey = bytes.Repeat([]byte{8}, store.SecretKeySize) },
			want:   []string{"the secret key does not open the database", "--secret-key-file"},
		},
		{
			name: "no server at the address",
			url:  func(string) string { return "postgres://u:hunter2@127.0.0.1:1/confab" },
			want: []string{`"confab" on the PostgreSQL server 127.0.0.1:1`, "refused", "--database"},
		},
		{
			name: "a database that does not exist",
			url:  func(s string) string { return strings.Replace(s, "/test_", "/gone_", 1) },
			want: []string{"does not exist", "createdb"},
		},
		{
			name: "a server without TLS",
			url:  func(s string) string { return strings.Replace(s, "sslmode=disable", "sslmode=require", 1) },
			want: []string{"refused TLS", "--database"},
		},
		{
			name: "a user who may not make tables",
			url:  func(s string) string { return strings.Replace(s, pgtest.User+"@", "stranger:hunter2@", 1) },
			want: []string{"permission denied", `make "stranger" the owner`},
		},
		{
			name: "a database of a newer version",
			prepare: func(t *testing.T, url string) {
				statements(t, url, `INSERT INTO schema_version_tokens (version_id, is_applied) VALUES (99, true)`)
			},
			want: []string{"newer Confab", "version 99", "up to 1"},
		},
		{
			name: "tables of another program",
			prepare: func(t *testing.T, url string) {
				statements(t, url, `DROP SCHEMA public CASCADE`, `CREATE SCHEMA public`, `CREATE TABLE rooms (number int)`)
			},
			want: []string{"already exists", "of its own"},
		},
		{
			name: "a server that opens it for ever",
			prepare: func(t *testing.T, url string) {
				statements(t, url, `SELECT pg_advisory_lock(1131308642, 1)`)
			},
			want: []string{"another server has been opening", "too long"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := options("", func(o *store.Options) { o.Database, o.Wait = migrated(t), 200*time.Millisecond })
			db := must(store.Open(t.Context(), o))(t)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if tt.prepare != nil {
				tt.prepare(t, o.Database)
			}
			if tt.url != nil {
				o.Database = tt.url(o.Database)
			}
			if tt.change != nil {
				tt.change(&o)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			db, err := store.Open(ctx, o)
			if err == nil {
				db.Close()
				t.Fatal("it was opened")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
			if strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error has several lines, or a password:\n%v", err)
			}
		})
	}
}

// statements runs statements on a connection that stays open until the test's end.
func statements(t testing.TB, url string, all ...string) {
	t.Helper()
	conn := pgtest.Connect(t, url)
	for _, s := range all {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPostgresGone takes the server away and gives it back, at the start and
// under way.
func TestPostgresGone(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	database := cluster.Database(t)
	cluster.Stop(t)

	var log bytes.Buffer
	opened := make(chan error)
	var db *store.DB
	go func() {
		var err error
		db, err = store.Open(t.Context(), options("", func(o *store.Options) {
			o.Database, o.Wait, o.Log = database, time.Minute, slog.New(slog.NewTextHandler(&log, nil))
		}))
		opened <- err
	}()
	cluster.Restart(t)
	if err := <-opened; err != nil {
		t.Fatalf("a server that comes late: %v", err)
	}
	defer db.Close()
	room := create(t, db, &chat.Room{Name: "room"})
	sequence := uint64(0)
	appendOne := func() {
		t.Helper()
		wait(t, db.Transcript().Append(frame("room", sequence)))
		sequence++
	}
	appendOne()

	for _, end := range []struct {
		name string
		how  func(testing.TB)
	}{{"stopped", cluster.Stop}, {"killed", cluster.Kill}} {
		t.Run("a server that is "+end.name+" is Unavailable, and rooms go on", func(t *testing.T) {
			end.how(t)
			wantUnavailable := func(err error) {
				t.Helper()
				wantCode(t, err, chat.Unavailable)
			}
			wantUnavailable(db.CreateRoom(t.Context(), &chat.Room{}, 0))
			wantUnavailable(redeem(db, t.Context(), tokenID(), time.Now().Add(time.Hour)))
			unready(t, db)
			_, err := db.Room(t.Context(), room.ARN.ID)
			wantUnavailable(err)
			for range 100 {
				appendOne()
			}
		})
		t.Run("one that comes back is used without a restart, and gets what was kept", func(t *testing.T) {
			cluster.Restart(t)
			until(t, "it is ready", func() bool { return db.Ping(t.Context()) == nil })
			create(t, db, &chat.Room{})
			if err := redeem(db, t.Context(), tokenID(), time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			until(t, "the spool is written", func() bool { return uint64(len(recorded(t, db, "room"))) == sequence })
			for i, r := range recorded(t, db, "room") {
				if r.Sequence != uint64(i) {
					t.Fatalf("record %d is frame %d", i, r.Sequence)
				}
			}
		})
	}
}

// unready waits until the store says that it cannot serve; what it said before
// stands for a second.
func unready(t testing.TB, db *store.DB) {
	t.Helper()
	until(t, "it is not ready", func() bool { return chat.CodeOf(db.Ping(t.Context())) == chat.Unavailable })
}

// TestPostgresReadOnly is a server that takes no writes for a while, as one that
// was demoted does.
func TestPostgresReadOnly(t *testing.T) {
	t.Parallel()
	database := migrated(t)
	db := opened(func(o *store.Options) { o.Database = database })(t)
	room := create(t, db, &chat.Room{Name: "room"})
	name := database[strings.LastIndexByte(database, '/')+1 : strings.IndexByte(database, '?')]
	admin := pgtest.Shared(t)

	admin.Exec(t, `ALTER DATABASE `+name+` SET default_transaction_read_only = on`, disconnect(name))
	until(t, "writes are refused", func() bool {
		err := db.CreateRoom(t.Context(), &chat.Room{}, 0)
		e, ok := errors.AsType[*pgconn.PgError](err)
		return ok && e.Code == "25006" && chat.CodeOf(err) == chat.Unavailable
	})
	wantCode(t, redeem(db, t.Context(), tokenID(), time.Now().Add(time.Hour)), chat.Unavailable)
	unready(t, db)
	wait(t, db.Transcript().Append(frame("room", 0)))
	if got := must(db.Room(t.Context(), room.ARN.ID))(t); got.Name != "room" {
		t.Errorf("read %+v", got)
	}

	// New connections may write. The store finds that out by itself.
	admin.Exec(t, `ALTER DATABASE `+name+` RESET default_transaction_read_only`)
	until(t, "it is ready", func() bool { return db.Ping(t.Context()) == nil })
	create(t, db, &chat.Room{})
	until(t, "the spool is written", func() bool { return len(recorded(t, db, "room")) == 1 })
}

// disconnect ends all connections to a database.
func disconnect(name string) string {
	return fmt.Sprintf(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'`, name)
}

// TestPostgresConnectionsCut ends all connections again and again. Reads and
// redemptions never see it twice in a row, and frames not at all.
func TestPostgresConnectionsCut(t *testing.T) {
	t.Parallel()
	database := migrated(t)
	db := opened(func(o *store.Options) { o.Database = database })(t)
	name := database[strings.LastIndexByte(database, '/')+1 : strings.IndexByte(database, '?')]
	for i := range uint64(10) {
		pgtest.Shared(t).Exec(t, disconnect(name))
		wait(t, db.Transcript().Append(frame("room", i)))
		until(t, "a token is redeemed", func() bool { return redeem(db, t.Context(), tokenID(), time.Now().Add(time.Hour)) == nil })
	}
	until(t, "all is stored", func() bool { return len(recorded(t, db, "room")) >= 10 })
	for i, r := range recorded(t, db, "room") {
		if r.Sequence != uint64(i) {
			t.Fatalf("record %d is frame %d", i, r.Sequence)
		}
	}
}

// TestPostgresSlow locks the tables of one database away: what needs them gets
// its answer in time, and the others do not notice.
func TestPostgresSlow(t *testing.T) {
	t.Parallel()
	database := migrated(t)
	db := opened(func(o *store.Options) {
		o.Database = with(t, database, "lock_timeout", "300", "statement_timeout", "400")
	})(t)
	room := create(t, db, &chat.Room{Name: "room"})
	wait(t, db.Transcript().Append(frame("room", 0)))
	lock := func(table string) (unlock func()) {
		tx := must(pgtest.Connect(t, database).Begin(t.Context()))(t)
		if _, err := tx.Exec(t.Context(), `LOCK TABLE `+table+` IN ACCESS EXCLUSIVE MODE`); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	redeem := func() error { return redeem(db, t.Context(), tokenID(), time.Now().Add(time.Hour)) }

	t.Run("of the API", func(t *testing.T) {
		unlock := lock("rooms")
		wantCode(t, db.CreateRoom(t.Context(), &chat.Room{}, 0), chat.Unavailable)
		_, err := db.Room(t.Context(), room.ARN.ID)
		wantCode(t, err, chat.Unavailable)
		if err := redeem(); err != nil {
			t.Errorf("tokens wait for the API: %v", err)
		}
		wait(t, db.Transcript().Append(frame("room", 1)))
		if n := len(recorded(t, db, "room")); n != 2 {
			t.Errorf("the transcript waits for the API: %d frames are there", n)
		}
		unlock()
		create(t, db, &chat.Room{})
	})
	t.Run("of tokens", func(t *testing.T) {
		unlock := lock("redemptions")
		wantCode(t, redeem(), chat.Unavailable)
		unready(t, db)
		create(t, db, &chat.Room{})
		unlock()
		if err := redeem(); err != nil {
			t.Error(err)
		}
	})
	t.Run("of the transcript", func(t *testing.T) {
		unlock := lock("transcript")
		wait(t, db.Transcript().Append(frame("room", 2))) // The spool has it.
		create(t, db, &chat.Room{})
		if err := redeem(); err != nil {
			t.Error(err)
		}
		unlock()
		until(t, "the spool is written", func() bool { return len(recorded(t, db, "room")) == 3 })
	})
}

// TestPostgresFrozen stops the process behind a connection, so that PostgreSQL
// cannot even end its statement.
func TestPostgresFrozen(t *testing.T) {
	t.Parallel() // It waits for the store's patience.
	database := pgtest.Start(t, "fsync=off").Database(t)
	db := opened(func(o *store.Options) { o.Database = database })(t)
	create(t, db, &chat.Room{})
	var pid int // of the one that writes: nothing was read yet
	if err := pgtest.Connect(t, database).QueryRow(t.Context(), `SELECT pid FROM pg_stat_activity
		WHERE application_name = 'confab/confab'`).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT) //nolint:errcheck // It may be gone.
	begun := time.Now()
	err := db.CreateRoom(t.Context(), &chat.Room{}, 0)
	wantCode(t, err, chat.Unavailable)
	if took := time.Since(begun); took > 15*time.Second || !strings.Contains(err.Error(), "does not answer in time") {
		t.Errorf("after %v: %v", took, err)
	}
	until(t, "another connection is used", func() bool { return db.CreateRoom(t.Context(), &chat.Room{}, 0) == nil })
}

// TestPostgresText is about arguments that PostgreSQL cannot hold as text: they
// equal nothing that is stored.
func TestPostgresText(t *testing.T) {
	dialects(t, func(t *testing.T, open opener) {
		db := open(t)
		for _, s := range []string{"A\x00B", "\xff\xfe"} {
			_, err := db.Credentials(t.Context(), s)
			wantCode(t, err, chat.NotFound)
			_, err = db.Room(t.Context(), s)
			wantCode(t, err, chat.NotFound)
			if rooms, _, err := db.ListRooms(t.Context(), store.RoomFilter{Name: &s}, 10, ""); err != nil || len(rooms) != 0 {
				t.Errorf("rooms called %q: %v, %v", s, rooms, err)
			}
		}
	})
}
