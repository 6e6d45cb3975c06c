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

// checkpointEvery is how often the size of the write-ahead log is checked.
const checkpointEvery = 200 * time.Millisecond

// checkpoints copies SQLite's write-ahead log (WAL) into the database file.
//
// By itself, SQLite checkpoints at the end of a commit, every thousand pages. At 500
// messages a second, that makes some commits wait for two disk syncs four times a
// second. Here it is done in the background, foldBytes at a time.
//
// Once the whole log is copied, SQLite restarts it, and the next commit waits for a
// sync. A read transaction prevents the restart until nothing was written for some
// seconds or the log has Spec.LogBytes. Then writers wait while the small rest is
// copied. At twice that size the writes are faster than the disk, and writers wait
// for the whole checkpoint.
type checkpoints struct {
	db   *DB
	path string  // of the log
	conn *sql.DB // connections of its own
	most int     // pages at which the log restarts
	fold int     // least number of pages for a checkpoint
	last int     // pages of the log at the last check
	idle int     // number of checks since it last changed
	log  *slog.Logger
	// settled is when the log was last written, if nothing was to be done after that.
	settled time.Time
	// pin, if set, is a read transaction. SQLite does not restart a log that has a
	// reader.
	pin *sql.Tx
}

// foldBytes is how much is copied at a time, and closeBytes how much at a stop.
const foldBytes, closeBytes = 16 << 20, 32 << 20

// idleRounds is after how many rounds without a write the log may restart.
const idleRounds = int(10 * time.Second / checkpointEvery)

// loop checkpoints until ctx ends.
func (c *checkpoints) loop(ctx context.Context) {
	defer c.end(context.WithoutCancel(ctx))
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
			c.log.LogAttrs(ctx, slog.LevelWarn, "Write-ahead log not checkpointed; it grows", slog.String("database", c.db.label), slog.Any("error", err))
		}
		failed = err != nil
	}
}

// end closes the connections, unless more than closeBytes are not copied yet: SQLite would
// copy them when the last connection closes. These stay open until the process ends, and
// the next process copies the log while it serves, as after kill -9.
func (c *checkpoints) end(ctx context.Context) {
	c.release()
	_, left, err := c.run(ctx, `PRAGMA wal_checkpoint(NOOP)`)
	if err == nil && left > closeBytes/pageSize {
		c.log.LogAttrs(ctx, slog.LevelInfo, "Write-ahead log left to the next start", slog.String("database", c.db.label), slog.Int("bytes", left*pageSize))
		return
	}
	c.conn.Close()
}

// round checkpoints the log if it has grown enough. If nothing was written, it costs a stat(2).
func (c *checkpoints) round(ctx context.Context) error {
	log, err := os.Stat(c.path)
	if err == nil && log.ModTime().Equal(c.settled) {
		return nil
	}
	pages, left, err := c.run(ctx, `PRAGMA wal_checkpoint(NOOP)`)
	if err != nil {
		return err
	}
	if c.idle++; pages != c.last {
		c.last, c.idle = pages, 0
	}
	anew := c.idle >= idleRounds || pages >= c.most
	if left < c.fold && (left == 0 || pages < c.most) && (c.pin == nil || !anew) {
		if c.pin == nil && log != nil {
			c.settled = log.ModTime()
		}
		return nil
	}
	c.release()
	if !anew {
		if err := c.hold(ctx); err != nil {
			return err
		}
	}
	// This syncs most of what SQLite syncs next, without blocking a processor.
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

// hold prevents SQLite from restarting the log. Its present content can still be copied.
// The transaction does not end with ctx: it would be rolled back on another goroutine then,
// perhaps after the database was closed, and SQLite would not remove the log.
func (c *checkpoints) hold(ctx context.Context) (err error) {
	ctx = context.WithoutCancel(ctx)
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

// foldPragma copies as much as readers and writers allow, without blocking them.
const foldPragma = `PRAGMA wal_checkpoint(PASSIVE)`

// run runs a checkpoint. It returns how many pages the log has and how many of them
// are not copied yet.
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
