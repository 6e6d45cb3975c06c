package store

import (
	"context"
	"log/slog"
	"time"
)

// pruneEvery is the interval between two prunings.
const pruneEvery = time.Minute

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
			db.o.Log.LogAttrs(ctx, slog.LevelWarn, "Expired rows not deleted from the database", slog.Any("error", err))
		}
	}
}

// Prune deletes the redemptions of expired tokens, old changes of rooms, bans that ended,
// deleted content filters and old events of the moderation log, in small transactions, and
// prunes the transcript. The store calls it once a minute.
func (db *DB) Prune(ctx context.Context) error {
	now, err := db.tokens.Now(ctx)
	if err != nil {
		return err
	}
	err = db.tokens.DeleteBefore(ctx, `DELETE FROM redemptions WHERE token_id IN
		(SELECT token_id FROM redemptions WHERE expires < $1 ORDER BY expires LIMIT $2)`, now.Add(-redemptionMargin))
	if err != nil {
		return err
	}
	err = db.main.DeleteBefore(ctx, `DELETE FROM room_changes WHERE number IN
		(SELECT number FROM room_changes WHERE time < $1 ORDER BY number LIMIT $2)`, now.Add(-changesKept))
	if err != nil {
		return err
	}
	if err := db.Bans.Prune(ctx); err != nil {
		return err
	}
	if err := db.Filters.Prune(ctx); err != nil {
		return err
	}
	if err := db.Moderation.Prune(ctx); err != nil {
		return err
	}
	return db.transcript.Prune(ctx)
}
