package transcript

import (
	"context"
	"slices"
	"time"

	"confab/internal/sqldb"
)

const (
	// leaseTime is how long a claim of a reader holds. When a server dies, others
	// take its readers over after that.
	leaseTime = 8 * time.Second
	// leaseRenew is how much is left of a claim when it is made anew.
	leaseRenew = 6 * time.Second
)

// held is the condition that a row of readers is leased by the owner.
func held(s sqldb.Session, owner string) string {
	return `(lease_owner = ` + owner + ` AND lease_until > ` + s.DB().Clock() + `)`
}

// claimed is held for the reader of a row of backlogs.
func claimed(s sqldb.Session, owner string) string {
	return `EXISTS (SELECT 1 FROM readers WHERE id = backlogs.reader_id AND ` + held(s, owner) + `)`
}

// Claim takes those of the readers that no other server has, for a few seconds,
// and holds on to those that this one has. It returns all of them that are ours,
// each with the time, by our clock, until which no other server takes it.
func (db *DB) Claim(ctx context.Context, readers []int64) (map[int64]time.Time, error) {
	owner := db.sql.Owner()
	mine := map[int64]time.Time{}
	var due []int64
	asked := time.Now() // What is left is counted from here, which is before it was.
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
		return mine, err // Those that were ours are, for what is left.
	}
	for _, id := range got {
		mine[id] = asked.Add(leaseTime)
	}
	return mine, nil
}

// Release gives back what was claimed of the readers; nil is all.
func (db *DB) Release(ctx context.Context, readers []int64) error {
	return db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		const release = `UPDATE readers SET lease_until = 0 WHERE lease_owner = $1 AND lease_until > 0`
		if readers == nil {
			_, err := s.Exec(ctx, release, db.sql.Owner())
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
