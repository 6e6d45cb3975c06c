//go:build linux

package restart

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/process"
)

// secretKey is 32 bytes that protect nothing.
const secretKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// TestHandOver_postgres hands over a node that is alone and has its data in PostgreSQL,
// which both processes may have open at the same time.
func TestHandOver_postgres(t *testing.T) {
	s := process.Serve(t, process.Options{
		Args: append([]string{"--database", pgtest.Shared(t).Database(t)}, process.NoConnectRates...),
		Env:  []string{"CONFAB_SECRET_KEY=" + secretKey},
	})
	address := strings.TrimPrefix(s.Endpoint, "http://")
	crowd, calls := watch(t, address, []cluster.Place{{Address: address}}, 2)
	for i := range 2 {
		before := s.PID()
		if err := s.HandOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.PID() == before {
			t.Error("the process is the same")
		}
		r := crowd.measured(t)
		if r.Moved != *connections || r.GaveUp > 0 {
			t.Errorf("hand-over %d: %d connections came back and %d gave up, the first for %q", i+1, r.Moved, r.GaveUp, r.Why)
		}
		n, slowest, failed := calls.take()
		t.Logf("the last was back after %s; the slowest of %d calls took %s", r.Last.Round(time.Millisecond), n, slowest.Round(time.Millisecond))
		for _, err := range failed {
			t.Errorf("hand-over %d: a call failed: %v", i+1, err)
		}
	}
	calls.end()
}

// A server that gets SIGTERM during a hand-over ends, with status 0, and so does its
// successor, whatever it does at that time. The next server can use the data.
func TestHandOver_terminated(t *testing.T) {
	const link = "link=$((2 + LISTEN_FDS))\n"
	for _, tt := range []struct {
		name   string
		script string // of the successor; empty is the program under test
		until  string // what the log says before the signal
	}{
		{"while the successor checks", "exec sleep 1000", "Starting a new process to hand over to"},
		{"while the successor takes over", link + "echo prepared >&$link\nread accept <&$link\nread take <&$link\nexec sleep 1000", `"Stopped"`},
		{"at any time", "", "Starting a new process to hand over to"},
		{"at the end", "", `"Stopped"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			binary, err := process.Binary()
			if err != nil {
				t.Fatal(err)
			}
			// The successor is what has this name then.
			program := filepath.Join(t.TempDir(), "confab")
			if err := os.Symlink(binary, program); err != nil {
				t.Fatal(err)
			}
			o := process.Options{Binary: program, DataDir: t.TempDir()}
			s := process.Serve(t, o)
			if tt.script != "" {
				if err := os.Remove(program); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(program, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Signal(syscall.SIGUSR2); err != nil {
				t.Fatal(err)
			}
			waitForLog(t, s, tt.until)
			if err := s.Terminate(); err != nil {
				t.Fatal(err)
			}
			// Wait returns when no process has the outputs any more.
			if err := s.Wait(); err != nil {
				t.Fatal(err)
			}
			o.Binary = ""
			process.Serve(t, o)
		})
	}
}

// waitForLog waits until the server has logged the text.
func waitForLog(t *testing.T, s *process.Server, text string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !strings.Contains(s.Log(), text); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("the log does not say %q", text)
		}
	}
}

// walSize is about how large the write-ahead log of the transcript is at the stop.
const walSize = 64 << 20

// TestStop_wal stops a server whose transcript has a large write-ahead log. SQLite would
// copy it into the database at the end; it is left to the next server, which copies it
// while it serves. A small one is copied.
func TestStop_wal(t *testing.T) {
	o := process.Options{DataDir: t.TempDir()}
	file := filepath.Join(o.DataDir, "transcript.db")
	size := func(file string) int64 {
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			return 0
		}
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	process.Within(t, most, func() time.Duration {
		s := process.Serve(t, o)
		grow(t, file)
		begin := time.Now()
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		took := time.Since(begin)
		t.Logf("a write-ahead log of %d MB: stopped after %s", size(file+"-wal")>>20, took.Round(time.Millisecond))
		if left := size(file + "-wal"); left < walSize {
			t.Errorf("%d bytes of it are left: the stop has waited for the disk", left)
		}
		return took
	})
	s := process.Serve(t, o)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); uncopied(t, file) > 0; <-tick.C {
		if time.Now().After(end) {
			t.Fatal("the log is not copied")
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if left := size(file + "-wal"); left > 0 {
		t.Errorf("%d bytes of a log that was copied are left", left)
	}
}

// uncopied returns how many pages of the write-ahead log are not in the database yet.
func uncopied(t *testing.T, file string) int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	// A connection that has read nothing does not know the log.
	var tables, busy, pages, copied int
	err = db.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema").Scan(&tables)
	if err == nil {
		err = db.QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &pages, &copied)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pages - copied
}

// grow writes walSize bytes to a database, and nothing of them out of its write-ahead log.
func grow(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=busy_timeout(10000)&_pragma=wal_autocheckpoint(0)", file))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS ballast (data BLOB)",
		fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO ballast SELECT randomblob(1 << 20) FROM n", walSize>>20),
	} {
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatal(err)
		}
	}
}
