package store

import (
	"context"
	"errors"

	"confab/internal/sqldb"
)

// Checked is a store that Check has found to be usable.
type Checked struct{ all []*sqldb.DB }

// Check reports whether Open would succeed without changing the schema, and whether the
// secret key is the right one. It changes nothing, so servers may use the store meanwhile.
// A store that does not exist is usable.
//
// Until the result is closed, a server that closes a SQLite store does not checkpoint it
// first, which could take seconds. The next server that opens it does that in the
// background.
func Check(ctx context.Context, o Options) (*Checked, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	seal, err := newSealer(o.SecretKey)
	if err != nil {
		return nil, err
	}
	if o.Database == "" && FindSQLite(o.Dir) == "" {
		return &Checked{}, nil
	}
	c := &Checked{}
	if c.all, err = sqldb.Check(ctx, o.databases(o.Now), o.specs()...); err != nil {
		return nil, err
	}
	if main := c.all[0]; main != nil {
		if err := seal.check(ctx, main.Read()); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Close releases the store.
func (c *Checked) Close() error { return sqldb.Close(c.all...) }
