package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"confab/internal/background"
)

// checkpointEvery is how often the log is looked at.
const checkpointEvery = 200 * time.Millisecond

// checkpoints folds SQLite's log of a database (the WAL) into its file.
//
// By itself, SQLite does that at the end of a commit, every thousand pages: some
// of them wait for two syncs of the disk then, at 500 messages a second four times
// in each second. Here it is done beside those who write, foldBytes at a time.
//
// Once all of it is folded, SQLite begins the log anew, for which the next commit
// waits for a sync too. So it is kept from that until nothing was written for some
// seconds or the log has Spec.LogBytes: then writers wait while what little came
// meanwhile is folded. When it has twice that, because they write faster than the
// disk syncs, they wait for all of it.
type checkpoints struct {
	db   *DB
	path string  // of the log
	conn *sql.DB // connections of its own
	most int     // pages of a log that is to begin anew
	fold int     // pages that are worth folding
	last int     // pages of the log when it was last looked at
	idle int     // how often they have been the same since
	log  *slog.Logger
	// pin, if set, is a transaction that reads. SQLite does not begin a log anew
	// that has a reader.
	pin *sql.Tx
}

// foldBytes is how much is folded at a time.
const foldBytes = 16 << 20

// idleRounds is after how many rounds without a write the log may begin anew.
const idleRounds = int(10 * time.Second / checkpointEvery)

// loop checkpoints until ctx ends.
func (c *checkpoints) loop(ctx context.Context) {
	defer c.conn.Close()
	defer c.release()
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := c.round(ctx)
		if err != nil && ctx.Err() == nil && !failed {
			c.log.Warn("cannot fold the log of a database into it; it grows", slog.String("database", c.db.label), slog.Any("error", err))
		}
		failed = err != nil
	}
}

// round folds the log if it is worth it.
func (c *checkpoints) round(ctx context.Context) error {
	pages, left, err := c.run(ctx, `PRAGMA wal_checkpoint(NOOP)`)
	if err != nil {
		return err
	}
	if c.idle++; pages != c.last {
		c.last, c.idle = pages, 0
	}
	anew := c.idle >= idleRounds || pages >= c.most
	if left < c.fold && (left == 0 || pages < c.most) && (c.pin == nil || !anew) {
		return nil
	}
	c.release()
	if !anew {
		if err := c.hold(ctx); err != nil {
			return err
		}
	}
	// What SQLite syncs next is then nearly done, by a sync that keeps no processor
	// from others.
	if err := c.syncLog(); err != nil {
		return err
	}
	if pages < 2*c.most {
		if _, left, err = c.run(ctx, foldPragma); err != nil || left == 0 || pages < c.most {
			return err
		}
		if err := c.syncLog(); err != nil {
			return err
		}
	}
	select {
	case c.db.turn <- struct{}{}:
		defer func() { <-c.db.turn }()
	case <-ctx.Done():
		return nil
	}
	_, _, err = c.run(ctx, foldPragma)
	return err
}

// hold keeps SQLite from beginning the log anew. What the log has by now can be
// folded all the same.
func (c *checkpoints) hold(ctx context.Context) (err error) {
	if c.pin, err = c.conn.BeginTx(ctx, nil); err != nil {
		return err
	}
	var any int
	return c.pin.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&any)
}

// release undoes hold.
func (c *checkpoints) release() {
	if c.pin != nil {
		c.pin.Rollback() //nolint:errcheck // It has read only.
		c.pin = nil
	}
}

// foldPragma folds as far as readers and writers let it, and keeps nobody waiting.
const foldPragma = `PRAGMA wal_checkpoint(PASSIVE)`

// run runs a checkpoint and returns how many pages the log has, and how many of
// them are left to fold.
func (c *checkpoints) run(ctx context.Context, pragma string) (pages, left int, err error) {
	var busy, folded int
	err = c.conn.QueryRowContext(ctx, pragma).Scan(&busy, &pages, &folded)
	return pages, pages - folded, err
}

func (c *checkpoints) syncLog() error {
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return background.Sync(f)
}
