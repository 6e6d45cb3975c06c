package store

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

// readyFor is how long a write that worked stands for the next ones: a write
// check costs a sync of the disk.
const readyFor = 5 * time.Second

// readiness remembers the last write check.
type readiness struct {
	mu    sync.Mutex // one check at a time; guards until
	until time.Time  // when the check is due again
}

// Ping says whether the store can serve: that the truth can be read, and that it
// and the redemptions can be written, which is tried every five seconds at most.
// The transcript is not asked: rooms go on without it.
func (db *DB) Ping(ctx context.Context) error {
	var value []byte
	if _, err := db.main.read().row(ctx, `SELECT value FROM settings WHERE name = $1`, []any{secretKeyCheck}, &value); err != nil {
		return err
	}
	db.ready.mu.Lock()
	defer db.ready.mu.Unlock()
	now := time.Now()
	if now.Before(db.ready.until) {
		return nil
	}
	if err := db.main.update(ctx, func(ctx context.Context, s session) error {
		_, err := s.exec(ctx, `INSERT INTO settings (name, value) VALUES ('write_check', $1)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, []byte(now.UTC().Format(time.RFC3339Nano)))
		return err
	}); err != nil {
		return err
	}
	// A token that nobody has; it is pruned like all that have expired.
	var id [16]byte
	rand.Read(id[:])
	if err := db.Redeem(ctx, id, now); err != nil {
		return err
	}
	db.ready.until = now.Add(readyFor)
	return nil
}
