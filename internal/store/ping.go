package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

const (
	// answeredFor is how long an answer is reused, so that many probes cause no load.
	answeredFor = time.Second
	// writableFor is the same for a write that succeeded: it costs a sync of the
	// disk.
	writableFor = 5 * time.Second
	// answerWithin is the time limit of the database for the answer.
	answerWithin = 5 * time.Second
)

// readiness checks that the database can serve, one check at a time.
type readiness struct {
	mu   sync.Mutex
	last *question // guarded by mu

	writable time.Time // until when; used by the present question only
}

// question is one check. err and until, the end of its answer's validity, are
// set before done is closed.
type question struct {
	done  chan struct{}
	err   error
	until time.Time
}

// Ping reports whether the store can serve: whether the main database can be read,
// and whether it and the redemptions can be written. Writes are tried every five
// seconds at most. The transcript is not checked, because rooms continue without it.
//
// All callers within a second share one answer. ctx ends only the wait, so no
// caller's timeout affects the answer.
func (db *DB) Ping(ctx context.Context) error {
	q := db.ask()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return fmt.Errorf("whether the database answers is not known yet: %w: %w",
			chat.Errorf(chat.Unavailable, "The database is not available, try again"), context.Cause(ctx))
	}
}

// ask returns the pending question, or the last one if its answer is still valid, or
// a new one.
func (db *DB) ask() *question {
	r := &db.ready
	r.mu.Lock()
	defer r.mu.Unlock()
	if q := r.last; q != nil && db.ctx.Err() == nil {
		select {
		case <-q.done:
			if time.Now().Before(q.until) {
				return q
			}
		default:
			return q
		}
	}
	q := &question{done: make(chan struct{})}
	r.last = q
	if db.ctx.Err() != nil {
		q.err = db.main.Failed(db.ctx, sqldb.ErrClosed)
		close(q.done)
		return q
	}
	db.background.Go(func() {
		defer close(q.done)
		ctx, cancel := context.WithTimeoutCause(db.ctx, answerWithin, sqldb.ErrSlow)
		defer cancel()
		q.err = db.check(ctx)
		q.until = time.Now().Add(answeredFor)
	})
	return q
}

// check queries the database.
func (db *DB) check(ctx context.Context) error {
	var value []byte
	if _, err := db.main.Read().Row(ctx, `SELECT value FROM settings WHERE name = $1`, []any{secretKeyCheck}, &value); err != nil {
		return err
	}
	now := time.Now()
	if now.Before(db.ready.writable) {
		return nil
	}
	if err := db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		_, err := s.Exec(ctx, `INSERT INTO settings (name, value) VALUES ('write_check', $1)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, []byte(now.UTC().Format(time.RFC3339Nano)))
		return err
	}); err != nil {
		return err
	}
	// This token does not exist. Its redemption is pruned like other expired ones.
	t := chat.Token{Expires: now}
	rand.Read(t.ID[:])
	if err := db.Redeem(ctx, &t, netip.Addr{}); err != nil {
		return err
	}
	db.ready.writable = now.Add(writableFor)
	return nil
}
