package sqldb

import (
	"context"
	"time"
)

// DeleteRows is how many rows one transaction deletes that removes what has
// expired: few, because others wait for it.
const DeleteRows = 500

// DeleteBefore runs a statement that deletes rows older than before ($1), at most
// as many as $2 says, until it finds nothing more. Servers take turns.
func (d *DB) DeleteBefore(ctx context.Context, query string, before time.Time) error {
	for {
		var n int64
		err := d.Update(ctx, func(ctx context.Context, s Session) (err error) {
			n, err = s.Exec(ctx, query, before.UnixNano(), DeleteRows)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}
