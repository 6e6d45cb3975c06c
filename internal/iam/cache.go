package iam

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"confab/internal/chat"
)

// maxCached bounds the known and the unknown access keys that are remembered,
// each. Unknown ones are counted apart so that guessing cannot push out those
// that are in use.
const maxCached = 4096

// lookupTimeout bounds a question to the store, which outlives the request that
// asked first.
const lookupTimeout = 10 * time.Second

// cache remembers for a moment what the store says about access keys, and asks
// it about one key only once at a time.
type cache struct {
	store   CredentialsStore
	keep    time.Duration
	now     func() time.Time
	lookups singleflight.Group

	mu      sync.Mutex // guards the maps
	known   map[string]entry
	unknown map[string]entry
}

// entry is an answer of the store: nil if there are no such credentials.
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
		// Others wait for this answer: that the first of them has gone away must
		// not fail them all.
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
		// Counted from the question: the answer may have been on its way for long.
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

// forget makes room: everything that is over, and if that is nothing, any one.
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
