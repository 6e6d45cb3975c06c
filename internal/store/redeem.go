package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/moderation"
	"confab/internal/sqldb"
)

// redemption is one use of a chat token.
type redemption struct {
	*chat.Token
	ip netip.Addr
	// first and banned are the result once the batch is done: the token was not used
	// before, and why its bearer may not be in the room.
	first  bool
	banned error
}

const (
	redemptionBatch = 512
	// redemptionQueue is how many may wait: connects of some seconds.
	redemptionQueue = 1 << 16
	// redemptionMargin keeps a redemption after the token's expiry, for nodes whose
	// clock is slow.
	redemptionMargin = 10 * time.Minute
	// redemptionGather makes connects share commits as soon as they come more often than
	// this. The added wait is not noticeable in a handshake.
	redemptionGather = 10 * time.Millisecond
)

// With SQLite, this process makes all bans, so it knows them. With PostgreSQL, the
// statement that spends tokens also says whether there are changes of bans that this
// server does not know.
var (
	insertNewRedemptions    = insertsOf(``)
	insertRedemptions       = insertsOf(` RETURNING token_id, 0`)
	insertSharedRedemptions = insertsOf(` RETURNING token_id, coalesce(` + moderation.LatestChange + `, 0)`)
)

func insertsOf(returning string) sqldb.Inserts {
	return sqldb.NewInserts(`INSERT INTO redemptions (token_id, expires) VALUES `, 2, ` ON CONFLICT (token_id) DO NOTHING`+returning)
}

func newRedemptions(db *DB) *sqldb.Committer[*redemption] {
	return sqldb.NewCommitter(sqldb.Commits[*redemption]{
		Label:      db.tokens.Label(),
		Metrics:    db.tokens.Metrics(),
		Write:      db.writeRedemptions,
		BatchItems: redemptionBatch,
		BatchSize:  redemptionBatch,
		Capacity:   redemptionQueue,
		Gather:     redemptionGather,
	})
}

// Redeem spends a chat token. The first call for an id succeeds, and is durable
// against kill -9 when it returns. Every later call is Unauthenticated. Concurrent
// calls share one commit. After Unavailable, or when ctx ends during the call, the
// token may be spent or not.
//
// A bearer who is banned from the room is AccessDenied, and the token is not spent. Bans
// of other servers count if they were made before the call.
func (db *DB) Redeem(ctx context.Context, t *chat.Token, ip netip.Addr) error {
	if err := ctx.Err(); err != nil {
		return notRedeemed(err)
	}
	r := &redemption{Token: t, ip: ip}
	if err := db.redemptions.Commit(ctx, r, 1); err != nil {
		return notRedeemed(err)
	}
	if r.banned != nil {
		return r.banned
	}
	if !r.first {
		return chat.Errorf(chat.Unauthenticated, "The chat token was used before; every connection needs a new one")
	}
	return nil
}

// Redeemed reports whether a chat token was used. Uses are deleted redemptionMargin after the
// token's expiry: then known is false.
func Redeemed(ctx context.Context, db *DB, t *chat.Token) (used, known bool, err error) {
	var one int
	used, err = db.tokens.Read().Row(ctx, `SELECT 1 FROM redemptions WHERE token_id = $1`, []any{t.ID[:]}, &one)
	if used || err != nil {
		return used, used, err
	}
	now, err := db.tokens.Now(ctx)
	return false, err == nil && now.Before(t.Expires.Add(redemptionMargin)), err
}

func notRedeemed(cause error) error {
	return fmt.Errorf("redeem a chat token: %w: %w", chat.Errorf(chat.Unavailable, "The chat token cannot be checked right now, try again"), cause)
}

// writeRedemptions stores a batch and records which calls were first.
func (db *DB) writeRedemptions(ctx context.Context, all []*redemption) error {
	once := distinct(all)
	if !db.tokens.Remote() {
		err := db.tokens.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
			if err := redeemNew(ctx, s, once); err != nil {
				return err
			}
			return refuseBanned(ctx, db.Bans, s, once, 0)
		})
		if !errors.Is(err, errUsed) {
			return err
		}
	}
	return db.tokens.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		change, err := redeemEach(ctx, s, once)
		if err != nil {
			return err
		}
		return refuseBanned(ctx, db.Bans, s, once, change)
	})
}

// distinct returns one redemption of each token, the earliest in the batch, in the order of
// their ids. All servers insert in one order, which avoids deadlocks.
func distinct(all []*redemption) []*redemption {
	once := slices.Clone(all)
	slices.SortStableFunc(once, func(a, b *redemption) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return slices.CompactFunc(once, func(a, b *redemption) bool { return a.ID == b.ID })
}

// arguments are those of an INSERT of some redemptions.
func arguments(some []*redemption) []any {
	args := make([]any, 0, 2*len(some))
	for _, r := range some {
		args = append(args, r.ID[:], r.Expires.UnixNano())
	}
	return args
}

// errUsed means that a batch has a token that was used before.
var errUsed = errors.New("a chat token was used before")

// redeemNew stores redemptions of tokens of which none was used before. Otherwise it returns
// errUsed. This is the usual case, and with SQLite, rows that are returned cost more than
// those that are inserted.
func redeemNew(ctx context.Context, s sqldb.Session, all []*redemption) error {
	return sqldb.EachGroup(insertNewRedemptions, all, func(query string, group []*redemption) error {
		n, err := s.Exec(ctx, query, arguments(group)...)
		if err == nil && n < int64(len(group)) {
			err = errUsed
		}
		for _, r := range group {
			r.first, r.banned = err == nil, nil
		}
		return err
	})
}

// redeemEach stores the redemptions of those tokens that were not used before. It returns the
// newest change of bans that the statements have seen.
func redeemEach(ctx context.Context, s sqldb.Session, all []*redemption) (change int64, err error) {
	inserts := insertRedemptions
	if s.DB().Remote() {
		inserts = insertSharedRedemptions
	}
	byID := make(map[[16]byte]*redemption, len(all))
	for _, r := range all {
		byID[r.ID] = r
		r.first, r.banned = false, nil // The result of an attempt that was rolled back is void.
	}
	err = sqldb.EachGroup(inserts, all, func(query string, group []*redemption) error {
		return s.Rows(ctx, query, arguments(group), func(scan func(...any) error) error {
			var id []byte
			var latest int64
			if err := scan(&id, &latest); err != nil {
				return err
			}
			if len(id) != 16 {
				return fmt.Errorf("a redemption has an id of %d bytes", len(id))
			}
			byID[[16]byte(id)].first = true
			change = max(change, latest)
			return nil
		})
	})
	return change, err
}

// refuseBanned takes the redemptions of banned users back, in the transaction that made
// them. change is the newest change of bans that the transaction has seen.
func refuseBanned(ctx context.Context, bans *moderation.Bans, s sqldb.Session, some []*redemption, change int64) error {
	if err := bans.Known(ctx, s, change); err != nil {
		return err
	}
	if bans.None() {
		return nil
	}
	for _, r := range some {
		if !r.first {
			continue
		}
		if r.banned = bans.Banned(r.Room.ID, r.UserID, r.ip); r.banned == nil {
			continue
		}
		if _, err := s.Exec(ctx, `DELETE FROM redemptions WHERE token_id = $1`, r.ID[:]); err != nil {
			return err
		}
	}
	return nil
}
