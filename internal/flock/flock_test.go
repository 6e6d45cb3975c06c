package flock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"confab/internal/flock"
)

// open opens the lock file. Locks belong to open files, so two of them in one process
// exclude each other as two processes do.
func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(t, path), open(t, path)
	if err := flock.Try(first); err != nil {
		t.Fatal(err)
	}
	t.Run("a held lock is refused", func(t *testing.T) {
		if err := flock.Try(second); !errors.Is(err, flock.ErrHeld) {
			t.Errorf("got %v", err)
		}
		if !flock.Held(second) {
			t.Error("the lock does not count as held")
		}
	})
	t.Run("the wait ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := flock.Lock(ctx, second); !errors.Is(err, flock.ErrHeld) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("closing the file passes the lock on", func(t *testing.T) {
		locked := make(chan error)
		go func() { locked <- flock.Lock(t.Context(), second) }()
		first.Close()
		if err := <-locked; err != nil {
			t.Fatal(err)
		}
		if third := open(t, path); !flock.Held(third) {
			t.Error("the lock does not count as held")
		}
	})
}
