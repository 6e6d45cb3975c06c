package transcript

import (
	"context"
	"slices"
	"time"

	"confab/internal/sqldb"
)

const (
	// leaseTime is how long a claim of a reader is valid. When a server dies, others
	// take its readers over after that.
	leaseTime = 8 * time.Second
	// leaseRenew is the remaining time of a claim at which it is renewed.
	leaseRenew = 6 * time.Second
)

// held is the condition that a row of readers is leased by the owner.
func held(s sqldb.Session, owner string) string {
	return `(lease_owner = ` + owner + ` AND lease_until > ` + s.DB().Clock() + `)`
}

// claimed is the condition held for the reader of a row of backlogs.
func claimed(s sqldb.Session, owner string) string {
	return `EXISTS (SELECT 1 FROM readers WHERE id = backlogs.reader_id AND ` + held(s, owner) + `)`
}

// Claim takes, for a few seconds, the leases of those of the readers that no other server
// has, and renews this server's leases. It returns all of this server's readers, each with
// the time, by the local clock, until which no other server takes it.
func (db *DB) Claim(ctx context.Context, readers []int64) (map[int64]time.Time, error) {
	owner := db.sql.Owner()
	mine := map[int64]time.Time{}
	var due []int64
	asked := time.Now() // The remaining time is counted from before the query.
	s := db.sql.Read()
	err := s.Rows(ctx, `SELECT id, lease_owner, lease_until - `+s.DB().Clock()+` FROM readers`, nil, func(scan func(...any) error) error {
		var id, left int64
		var by string
		if err := scan(&id, &by, &left); err != nil || !slices.Contains(readers, id) {
			return err
		}
		ours := by == owner
		if ours && left > 0 {
			mine[id] = asked.Add(time.Duration(left))
		}
		if left <= 0 || ours && left < int64(leaseRenew) {
			due = append(due, id)
		}
		return nil
	})
	if err != nil || len(due) == 0 {
		return mine, err
	}
	slices.Sort(due)
	var got []int64
	asked = time.Now()
	err = db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		got = got[:0]
		for _, id := range due {
			n, err := s.Exec(ctx, `UPDATE readers SET lease_owner = $2, lease_until = `+s.DB().Clock()+` + $3
				WHERE id = $1 AND (lease_owner = $2 OR lease_until <= `+s.DB().Clock()+`)`, id, owner, int64(leaseTime))
			if err != nil {
				return err
			}
			if n == 1 {
				got = append(got, id)
			}
		}
		return nil
	})
	if err != nil {
		return mine, err // Present leases stay valid for their remaining time.
	}
	for _, id := range got {
		mine[id] = asked.Add(leaseTime)
	}
	return mine, nil
}

// Release ends this server's leases of the readers; nil stands for all readers of logging
// configurations.
func (db *DB) Release(ctx context.Context, readers []int64) error {
	return db.release(ctx, readers, loggingReader)
}

// release releases the claims of the readers; nil is all for which a condition holds.
func (db *DB) release(ctx context.Context, readers []int64, condition string) error {
	return db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		const release = `UPDATE readers SET lease_until = 0 WHERE lease_owner = $1 AND lease_until > 0`
		if readers == nil {
			_, err := s.Exec(ctx, release+` AND `+condition, db.sql.Owner())
			return err
		}
		for _, id := range readers {
			if _, err := s.Exec(ctx, release+` AND id = $2`, db.sql.Owner(), id); err != nil {
				return err
			}
		}
		return nil
	})
}
