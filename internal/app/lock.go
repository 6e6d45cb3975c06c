package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
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
	patience, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for told := false; ; told = true {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("cannot lock the data directory %q: %w", dir, err)
		}
		if beside != nil && patience.Err() == nil {
			if !told {
				if err := beside(); err != nil {
					f.Close()
					return nil, fmt.Errorf("%w; the server before this one continues", err)
				}
				log.LogAttrs(ctx, slog.LevelInfo, "Waiting for the server before this one to stop", slog.String("data_dir", dir))
			}
			select {
			case <-retry.C:
				continue
			case <-patience.Done():
			}
		}
		f.Close()
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("wait for the server before this one to stop: %w", err)
		}
		return nil, fmt.Errorf("another server runs on the data directory %q; stop it or choose another with --data-dir", dir)
	}
}
