package iam

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"confab/internal/chat"
)

// maxCached bounds the known and the unknown access keys in the cache, each. Unknown
// keys are counted apart so that guesses cannot evict the keys in use.
const maxCached = 4096

// lookupTimeout bounds a query of the store, which outlives the request that started
// it.
const lookupTimeout = 10 * time.Second

// cache keeps the store's answers about access keys for a short time. It has at most
// one query per key under way.
type cache struct {
	store   CredentialsStore
	keep    time.Duration
	now     func() time.Time
	lookups singleflight.Group

	mu      sync.Mutex // guards the maps
	known   map[string]entry
	unknown map[string]entry
}

// entry is an answer of the store: nil if the credentials do not exist.
type entry struct {
	credentials *Credentials
	until       time.Time
}

func newCache(store CredentialsStore, keep time.Duration, now func() time.Time) *cache {
	return &cache{store: store, keep: keep, now: now, known: make(map[string]entry), unknown: make(map[string]entry)}
}

// get returns the credentials of an access key, nil when there are none.
func (c *cache) get(ctx context.Context, accessKeyID string) (*Credentials, error) {
	if c.store == nil {
		return nil, nil
	}
	if e, ok := c.remembered(accessKeyID); ok {
		return e.credentials, nil
	}
	answer := c.lookups.DoChan(accessKeyID, func() (any, error) {
		// Other requests wait for this answer, so it must not fail when the first
		// request is canceled.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		asked := c.now()
		found, err := c.store.Credentials(ctx, accessKeyID)
		if err != nil && chat.CodeOf(err) != chat.NotFound {
			return nil, err
		}
		if err != nil {
			found = nil
		}
		// The time counts from the query, because the answer may have taken long.
		c.remember(accessKeyID, entry{found, asked.Add(c.keep)})
		return found, nil
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("look up credentials: %w", ctx.Err())
	case a := <-answer:
		if a.Err != nil {
			return nil, fmt.Errorf("look up credentials: %w", a.Err)
		}
		found, _ := a.Val.(*Credentials)
		return found, nil
	}
}

func (c *cache) remembered(accessKeyID string) (entry, bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range []map[string]entry{c.known, c.unknown} {
		if e, ok := m[accessKeyID]; ok && now.Before(e.until) {
			return e, true
		}
	}
	return entry{}, false
}

func (c *cache) remember(accessKeyID string, e entry) {
	if c.keep < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, accessKeyID)
	delete(c.unknown, accessKeyID)
	m := c.known
	if e.credentials == nil {
		m = c.unknown
	}
	if len(m) >= maxCached {
		forget(m, c.now())
	}
	m[accessKeyID] = e
}

// forget makes space: it removes all expired entries, and if there are none, any one.
func forget(m map[string]entry, now time.Time) {
	for k, e := range m {
		if !now.Before(e.until) {
			delete(m, k)
		}
	}
	for k := range m {
		if len(m) < maxCached {
			return
		}
		delete(m, k)
	}
}
