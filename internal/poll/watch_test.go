package poll_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/poll"
)

// counters is a database with a counter for each kind of changes, by its expression.
type counters struct {
	mu      sync.Mutex
	values  map[string]int64
	away    error
	queries []time.Time
}

func (c *counters) row(_ context.Context, query string, columns []any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queries = append(c.queries, time.Now())
	for i, part := range strings.Split(strings.TrimPrefix(query, "SELECT coalesce(("), ", coalesce((") {
		*columns[i].(*int64) = c.values[strings.TrimSuffix(part, "), 0)")]
	}
	return c.away
}

func (c *counters) change(name string, away error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[name]++
	c.away = away
}

// reader follows the changes of one counter.
type reader struct {
	mu     sync.Mutex
	known  int64
	at     []time.Time
	turned []error
}

func (r *reader) follow(ctx context.Context, w *poll.Watch, name string, c *counters) {
	w.Follow(ctx, &poll.Changes{
		Counter: name,
		News: func(counter int64) bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return counter > r.known
		},
		Read: func(context.Context) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			r.mu.Lock()
			defer r.mu.Unlock()
			r.known = c.values[name]
			r.at = append(r.at, time.Now())
			return nil
		},
		Turned: func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.turned = append(r.turned, err)
		},
	})
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counters{values: map[string]int64{}}
		w := poll.NewWatch(c.row)
		ctx, cancel := context.WithCancel(t.Context())
		var bans, filters reader
		var following sync.WaitGroup
		following.Go(func() { bans.follow(ctx, w, "bans", c) })
		time.Sleep(130 * time.Millisecond)
		following.Go(func() { filters.follow(ctx, w, "filters", c) })

		begin := time.Now().Add(-130 * time.Millisecond)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if n := len(c.queries); n < 17 || n > 19 {
			t.Errorf("%d queries in nine seconds for two kinds of changes, want one each half a second", n)
		}
		if len(bans.at)+len(filters.at) > 0 {
			t.Error("it reads although nothing has changed")
		}

		c.change("filters", nil)
		changed := time.Now()
		time.Sleep(poll.Interval)
		synctest.Wait()
		if len(filters.at) != 1 || filters.at[0].Sub(changed) > poll.Interval || len(bans.at) > 0 {
			t.Errorf("a change of a filter: filters read at %v, bans at %v", filters.at, bans.at)
		}

		away := errors.New("the database is away")
		c.change("bans", away)
		time.Sleep(3 * poll.Interval)
		c.change("bans", nil)
		time.Sleep(poll.Interval)
		synctest.Wait()
		if want := []error{away, nil}; !slices.Equal(bans.turned, want) || !slices.Equal(filters.turned, want) {
			t.Errorf("a failure was reported as %v and %v, want %v", bans.turned, filters.turned, want)
		}
		if bans.known != 2 {
			t.Errorf("changes up to %d are known after a failure, want 2", bans.known)
		}
		for _, at := range c.queries {
			if at.Sub(begin)%poll.Interval != 0 {
				t.Errorf("a query %v after a full second", at.Sub(begin)%time.Second)
			}
		}

		cancel()
		following.Wait()
		before := len(c.queries)
		time.Sleep(3 * poll.Interval)
		if after := len(c.queries); after > before {
			t.Errorf("%d queries after the last changes were followed", after-before)
		}
	})
}
