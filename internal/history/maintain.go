package history

import (
	"context"
	"log/slog"
	"time"
)

const (
	// compactAfter is how long a frame stays in a batch, unless many frames wait.
	compactAfter = 5 * time.Second
	// Batches of muchBytes or muchBatches are compacted at once. Few large compactions cost
	// less than many small ones, but a read has to look at all batches.
	muchBytes   = 1 << 20
	muchBatches = 1024
	// maintainEvery is how often a server looks for work that other servers have left.
	maintainEvery = time.Minute
	// maintainRetry is the pause after a failure.
	maintainRetry = 5 * time.Second
)

// appended notes what was appended, for maintain.
func (db *DB) appended(size int) {
	bytes, batches := db.appendedBytes.Add(int64(size)), db.appendedBatches.Add(1)
	if batches == 1 || much(bytes, batches) {
		db.notify()
	}
}

func much(bytes, batches int64) bool { return bytes >= muchBytes || batches >= muchBatches }

func (db *DB) notify() {
	select {
	case db.wake <- struct{}{}:
	default:
	}
}

// maintain compacts and prunes until ctx ends. While nothing is appended it looks once a
// minute.
func (db *DB) maintain(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for failed := false; ; {
		due := false
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			due = true
		case <-db.wake:
		}
		bytes, batches := db.appendedBytes.Load(), db.appendedBatches.Load()
		first := batches > 0 && db.waiting.IsZero() // since the last compaction
		if first {
			db.waiting = time.Now()
		}
		if !due && batches > 0 && !much(bytes, batches) {
			if first { // Else the timer runs already. Changed also wakes this loop.
				timer.Reset(compactAfter)
			}
			continue
		}
		db.appendedBytes.Store(0)
		db.appendedBatches.Store(0)
		next, err := db.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failed {
			db.o.Log.LogAttrs(ctx, slog.LevelWarn, "History not compacted", slog.Any("error", err))
		}
		failed = err != nil
		if !failed {
			db.waiting = time.Time{}
			db.o.Metrics.CompactionLag.Set(0)
		} else if !db.waiting.IsZero() {
			db.o.Metrics.CompactionLag.Set(time.Since(db.waiting).Seconds())
		}
		wait := maintainEvery
		if failed {
			wait = maintainRetry
		} else if !next.IsZero() {
			wait = max(min(wait, time.Until(next)), 0)
		}
		timer.Reset(wait)
	}
}

// round compacts and prunes once.
func (db *DB) round(ctx context.Context) (next time.Time, err error) {
	if err := db.Compact(ctx); err != nil {
		return next, err
	}
	return db.prune(ctx)
}
