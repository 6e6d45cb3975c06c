package sqldb

import (
	"context"
	"time"
)

// DeleteRows is how many expired rows one transaction deletes. It is small because
// other transactions wait for it.
const DeleteRows = 500

// DeleteBefore repeats a statement that deletes at most $2 rows older than $1, until
// it deletes none. Servers take turns.
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
