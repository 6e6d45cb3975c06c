package store

import (
	"context"
	"log/slog"
	"time"
)

const (
	// pruneEvery is how often what has expired is looked for.
	pruneEvery = time.Minute
	// pruneRows is how many rows one transaction deletes: few, because clients
	// that connect and rooms that are logged wait for it.
	pruneRows = 500
)

// pruneLoop prunes until ctx ends.
func (db *DB) pruneLoop(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := db.Prune(ctx); err != nil && ctx.Err() == nil {
			db.o.Log.Warn("cannot delete what has expired from the database", slog.Any("error", err))
		}
	}
}

// Prune deletes the redemptions of tokens that have expired and the records of
// the transcript that nobody is owed any more, in small transactions. Records
// older than the retention are owed to nobody: they are dropped, counted and
// logged. The store does so by itself once a minute.
func (db *DB) Prune(ctx context.Context) error {
	now, err := db.now(ctx, db.tokens)
	if err != nil {
		return err
	}
	err = prune(ctx, db.tokens, `DELETE FROM redemptions WHERE token_id IN
		(SELECT token_id FROM redemptions WHERE expires < $1 ORDER BY expires LIMIT $2)`, now.Add(-redemptionMargin))
	if err != nil {
		return err
	}
	expired := now.Add(-db.o.Retention)
	if err := db.dropOwed(ctx, expired); err != nil {
		return err
	}
	if err := db.pruneDelivered(ctx); err != nil {
		return err
	}
	// Records stand nearly in the order of their times, so the oldest are in
	// front, and no index over the times is needed to find them. What dropOwed
	// left is part of an object that was begun, and goes with the rest of it.
	err = prune(ctx, db.transcript, `DELETE FROM transcript WHERE position IN (SELECT position FROM
		(SELECT position, time, room_id FROM transcript ORDER BY position LIMIT $2) AS oldest WHERE time < $1
		AND NOT EXISTS (SELECT 1 FROM backlogs b WHERE b.room_id = oldest.room_id AND b.delivered < oldest.position AND oldest.position <= b.head))`, expired)
	if err != nil {
		return err
	}
	return prune(ctx, db.transcript, `DELETE FROM writers WHERE owner IN (SELECT owner FROM writers WHERE time < $1 LIMIT $2)`, now.Add(-writerKept))
}

// prune runs the statement until it finds nothing more. Servers take turns.
func prune(ctx context.Context, d *database, query string, before time.Time) error {
	for {
		var n int64
		err := d.update(ctx, func(ctx context.Context, s session) (err error) {
			n, err = s.exec(ctx, query, before.UnixNano(), pruneRows)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}
