// Package poll repeats a read of what other servers may have changed in a database that they
// share: bans, content filters, webhooks, keys of chat tokens.
package poll

import (
	"context"
	"time"
)

// Every calls read once in each interval until ctx ends, and returns after the last call has
// returned. The first call comes after one interval. turned is called with the error when
// reads begin to fail, and with nil when they succeed again. An error after the end of ctx is
// not reported.
func Every(ctx context.Context, interval time.Duration, read func(ctx context.Context) error, turned func(err error)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := read(ctx)
		if ctx.Err() != nil {
			return
		}
		if fails := err != nil; fails != failing {
			failing = fails
			turned(err)
		}
	}
}
