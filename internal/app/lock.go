package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"confab/internal/flock"
)

// lockWait is how long a server with an inherited socket waits for its predecessor,
// which may still be draining.
const lockWait = 5 * time.Minute

// lockDataDir ensures that one server at a time uses a data directory: each of two
// would have half of every room. Commands may open the database beside it. The
// operating system releases the lock when the process ends. If beside is not nil,
// lockDataDir waits for a server that is stopping, until ctx ends; then it returns the
// error of ctx. Before it waits, it calls beside, and returns its error.
func lockDataDir(ctx context.Context, dir string, beside func() error, log *slog.Logger) (unlock func() error, err error) {
	if err := makeDataDir(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "server.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the data directory: %w; make it writable or choose another with --data-dir", err)
	}
	if err := waitForLock(ctx, f, dir, beside, log); err != nil {
		f.Close()
		return nil, err
	}
	return f.Close, nil
}

func waitForLock(ctx context.Context, f *os.File, dir string, beside func() error, log *slog.Logger) error {
	err := flock.Try(f)
	if errors.Is(err, flock.ErrHeld) && beside != nil {
		if err := beside(); err != nil {
			return fmt.Errorf("%w; the server before this one continues", err)
		}
		log.LogAttrs(ctx, slog.LevelInfo, "Waiting for the server before this one to stop", slog.String("data_dir", dir))
		patience, cancel := context.WithTimeout(ctx, lockWait)
		defer cancel()
		err = flock.Lock(patience, f)
	}
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, flock.ErrHeld):
		return fmt.Errorf("cannot lock the data directory %q: %w", dir, err)
	case ctx.Err() != nil:
		return fmt.Errorf("wait for the server before this one to stop: %w", ctx.Err())
	}
	return fmt.Errorf("another server runs on the data directory %q; stop it or choose another with --data-dir", dir)
}
