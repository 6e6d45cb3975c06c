// Package flock locks files against other processes with flock(2). The operating system
// releases a lock when the file is closed or the process ends, also after kill -9.
package flock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld is the error for a lock that another process holds.
var ErrHeld = errors.New("another process holds the lock")

// retryEvery is how often Lock tries again. flock(2) can wait by itself, but then ctx
// could not end the wait.
const retryEvery = 20 * time.Millisecond

// Try locks f, or returns ErrHeld.
func Try(f *os.File) error { return try(f, unix.LOCK_EX) }

// Held reports whether another process has locked the file that f has open. It must not
// be called for a file that this process has locked through f.
func Held(f *os.File) bool { return try(f, unix.LOCK_SH) != nil }

func try(f *os.File, how int) error {
	err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrHeld
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}

// Lock locks f, and waits while another process holds the lock. It returns ErrHeld if ctx
// ends first.
func Lock(ctx context.Context, f *os.File) error {
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		if err := Try(f); !errors.Is(err, ErrHeld) {
			return err
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return ErrHeld
		}
	}
}
