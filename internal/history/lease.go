package history

import (
	"context"
	"errors"
	"time"

	"confab/internal/sqldb"
)

// leaseTime is how long a lease is valid without renewal. When a server dies, another
// one continues after that.
const leaseTime = 10 * time.Second

// errNotLeased is returned when another server does this work now.
var errNotLeased = errors.New("history: another server changes pieces now")

// claim takes or renews the lease in the transaction of s. Until that transaction ends, it
// excludes those of other servers that claim the lease.
func claim(ctx context.Context, s sqldb.Session) error {
	n, err := s.Exec(ctx, `UPDATE history_lease SET owner = $1, until = `+s.DB().Clock()+` + $2
		WHERE id = 1 AND (owner = $1 OR until <= `+s.DB().Clock()+`)`, s.DB().Owner(), int64(leaseTime))
	if err == nil && n == 0 {
		err = errNotLeased
	}
	return err
}

// leased runs work under the lease, one call at a time. It returns errNotLeased at once
// when another server has the lease.
func (db *DB) leased(ctx context.Context, work func() error) error {
	db.work.Lock()
	defer db.work.Unlock()
	// This reads without a lock, so that the writes of this server do not wait for the work
	// of another one.
	var ours, free bool
	s := db.sql.Read()
	_, err := s.Row(ctx, `SELECT owner = $1, until <= `+s.DB().Clock()+` FROM history_lease WHERE id = 1`, []any{db.sql.Owner()}, &ours, &free)
	if err != nil {
		return err
	}
	if !ours && !free {
		return errNotLeased
	}
	if !ours {
		clear(db.tails) // Another server has changed pieces.
		clear(db.epochs)
	}
	if err := db.sql.Share(ctx, claim); err != nil {
		return err
	}
	err = work()
	released := db.sql.Share(context.WithoutCancel(ctx), func(ctx context.Context, s sqldb.Session) error {
		_, err := s.Exec(ctx, `UPDATE history_lease SET until = 0 WHERE id = 1 AND owner = $1`, db.sql.Owner())
		return err
	})
	return errors.Join(err, released)
}

// change runs a transaction under the lease.
func (db *DB) change(ctx context.Context, do func(ctx context.Context, s sqldb.Session) error) error {
	return db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		if err := claim(ctx, s); err != nil {
			return err
		}
		return do(ctx, s)
	})
}
