package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// redemption is one use of a chat token.
type redemption struct {
	id      [16]byte
	expires time.Time
	// first is the result once the batch is done: the token was not used before.
	first bool
}

const (
	redemptionBatch = 512
	// redemptionQueue is how many may wait: connects of some seconds.
	redemptionQueue = 1 << 16
	// redemptionMargin keeps a redemption after the token's expiry, for nodes whose
	// clock is slow.
	redemptionMargin = 10 * time.Minute
	// redemptionPace makes a burst of connects share fewer commits. The added wait is
	// not noticeable in a handshake.
	redemptionPace = 5 * time.Millisecond
)

var insertRedemptions = sqldb.NewInserts(`INSERT INTO redemptions (token_id, expires) VALUES `, 2,
	` ON CONFLICT (token_id) DO NOTHING RETURNING token_id`)

func newRedemptions(db *DB) *sqldb.Committer[*redemption] {
	return sqldb.NewCommitter(sqldb.Commits[*redemption]{
		Label:      db.tokens.Label(),
		Metrics:    db.tokens.Metrics(),
		Write:      db.writeRedemptions,
		BatchItems: redemptionBatch,
		BatchSize:  redemptionBatch,
		Capacity:   redemptionQueue,
		Pace:       redemptionPace,
	})
}

// Redeem spends a chat token. The first call for an id succeeds, and is durable
// against kill -9 when it returns. Every later call is Unauthenticated. Concurrent
// calls share one commit. After Unavailable, or when ctx ends during the call, the
// token may be spent or not.
func (db *DB) Redeem(ctx context.Context, id [16]byte, expires time.Time) error {
	if err := ctx.Err(); err != nil {
		return notRedeemed(err)
	}
	r := &redemption{id: id, expires: expires}
	if err := db.redemptions.Commit(ctx, r, 1); err != nil {
		return notRedeemed(err)
	}
	if !r.first {
		return chat.Errorf(chat.Unauthenticated, "The chat token was used before; every connection needs a new one")
	}
	return nil
}

func notRedeemed(cause error) error {
	return fmt.Errorf("redeem a chat token: %w: %w", chat.Errorf(chat.Unavailable, "The chat token cannot be checked right now, try again"), cause)
}

// writeRedemptions stores a batch and records which calls were first.
func (db *DB) writeRedemptions(ctx context.Context, all []*redemption) error {
	// Of two concurrent uses of a token, the earlier call gets it.
	byID := make(map[[16]byte]*redemption, len(all))
	once := make([]*redemption, 0, len(all))
	for _, r := range all {
		if byID[r.id] == nil {
			byID[r.id] = r
			once = append(once, r)
		}
	}
	// All servers insert in one order, which avoids deadlocks.
	slices.SortFunc(once, func(a, b *redemption) int { return bytes.Compare(a.id[:], b.id[:]) })
	return db.tokens.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		for _, r := range once {
			r.first = false // The result of an attempt that was rolled back is void.
		}
		return sqldb.EachGroup(&insertRedemptions, once, func(query string, group []*redemption) error {
			args := make([]any, 0, 2*len(group))
			for _, r := range group {
				args = append(args, r.id[:], r.expires.UnixNano())
			}
			return s.Rows(ctx, query, args, func(scan func(...any) error) error {
				var id []byte
				if err := scan(&id); err != nil {
					return err
				}
				if len(id) != 16 {
					return fmt.Errorf("a redemption has an id of %d bytes", len(id))
				}
				byID[[16]byte(id)].first = true
				return nil
			})
		})
	})
}
