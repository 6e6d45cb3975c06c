package store

import (
	"context"
	"fmt"

	"confab/internal/chat"
	"confab/internal/chattoken"
	"confab/internal/poll"
	"confab/internal/sqldb"
)

// tokenKeyPlace binds a sealed token key to its row.
func tokenKeyPlace(id uint32) string { return fmt.Sprintf("token key %d", id) }

// TokenKeys returns the keys that encrypt chat tokens, oldest first.
func (db *DB) TokenKeys(ctx context.Context) ([]chattoken.Key, error) {
	var keys []chattoken.Key
	err := db.main.Read().Rows(ctx, `SELECT id, create_time, sealed FROM token_keys ORDER BY create_time, id`, nil, func(scan func(...any) error) error {
		var (
			k       chattoken.Key
			created int64
			sealed  []byte
		)
		if err := scan(&k.ID, &created, &sealed); err != nil {
			return err
		}
		secret, err := db.seal.open(sealed, tokenKeyPlace(k.ID))
		if err != nil {
			return fmt.Errorf("cannot open token key %d: %w", k.ID, err)
		}
		k.CreateTime, k.Secret = sqldb.Time(created), secret
		keys = append(keys, k)
		return nil
	})
	return keys, err
}

// AddTokenKey stores a key; an id that exists is a Conflict.
func (db *DB) AddTokenKey(ctx context.Context, k chattoken.Key) error {
	return db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		n, err := s.Exec(ctx, `INSERT INTO token_keys (id, create_time, sealed) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`,
			int64(k.ID), k.CreateTime.UnixNano(), db.seal.seal(k.Secret, tokenKeyPlace(k.ID)))
		if err == nil && n == 0 {
			return chat.Errorf(chat.Conflict, "Token key %d exists", k.ID)
		}
		return err
	})
}

// DeleteTokenKeys deletes keys; it ignores ids that do not exist.
func (db *DB) DeleteTokenKeys(ctx context.Context, ids ...uint32) error {
	return db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		for _, id := range ids {
			if _, err := s.Exec(ctx, `DELETE FROM token_keys WHERE id = $1`, int64(id)); err != nil {
				return err
			}
		}
		return nil
	})
}

// tokenState changes with each key and signer that is added or deleted. Ids of keys are random, and
// times of signers differ.
const tokenState = `SELECT (SELECT CAST(coalesce(sum(id), 0) AS BIGINT) FROM token_keys)
	+ (SELECT CAST(coalesce(sum(create_time % 1000000000000), 0) AS BIGINT) FROM signers)`

// FollowTokens reads changes of keys and signers until ctx ends. It sets the counter.
func FollowTokens(ctx context.Context, db *DB, c *poll.Changes) {
	c.Counter = tokenState
	db.watch.Follow(ctx, c)
}
