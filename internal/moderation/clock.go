package moderation

import (
	"context"
	"sync/atomic"
	"time"

	"confab/internal/sqldb"
)

// clock is the clock by which bans are made and end. Of servers that share a database, it is that
// of the database, because their own ones may differ: else a ban of a minute would not hold on a
// server that is two minutes ahead. It does not follow steps of the server's own clock either.
type clock struct {
	own func() time.Time // with a monotonic reading
	// shared is the last reading of the database's clock; nil before the first.
	shared atomic.Pointer[reading]
}

// reading is what the database's clock showed at a time of the server's own clock.
type reading struct{ shared, own time.Time }

// slowAnswer is how long an answer of the database takes that says too little of its clock.
const slowAnswer = 100 * time.Millisecond

func (c *clock) now() time.Time {
	now := c.own()
	if r := c.shared.Load(); r != nil {
		return r.shared.Add(now.Sub(r.own)).UTC()
	}
	return now
}

// clockEvery is how often the database's clock is read: clocks run apart by much less than a
// millisecond in this time.
const clockEvery = 10 * time.Second

// isOld reports whether the database's clock should be read again.
func (c *clock) isOld() bool {
	if c == nil {
		return false
	}
	r := c.shared.Load()
	return r == nil || c.own().Sub(r.own) >= clockEvery
}

// latest reads the number of the last change, and what the database's clock shows.
func (b *Bans) latest(ctx context.Context, s sqldb.Session) (change int64, err error) {
	if b.clock == nil {
		_, err = s.Row(ctx, latestChange, nil, &change)
		return change, err
	}
	var nanos int64
	before := b.clock.own()
	if _, err = s.Row(ctx, `SELECT (`+latestChange+`), `+b.sql.Clock(), nil, &change, &nanos); err != nil {
		return 0, err
	}
	took := b.clock.own().Sub(before)
	if took <= slowAnswer || b.clock.shared.Load() == nil {
		b.clock.shared.Store(&reading{time.Unix(0, nanos), before.Add(took / 2)})
	}
	return change, nil
}
