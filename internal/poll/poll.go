// Package poll repeats a read of what other servers may have changed in a database that they
// share: bans, content filters, webhooks, keys of chat tokens. A Watch asks for several kinds of
// changes with one query.
//
// Everything that is repeated here happens when the clock shows a multiple of its interval. So a
// process with nothing to do wakes up once for all of it. Each server shifts its clock, so that
// those that share a database do not all ask it at once.
package poll

import (
	"context"
	"sync/atomic"
	"time"
)

// shift is how much later this process does what it repeats, in nanoseconds.
var shift atomic.Int64

// Shift makes everything that is repeated in this process happen later, by up to a second. A
// server calls it once, with a time that is its own.
func Shift(by time.Duration) { shift.Store(int64(by % time.Second)) }

// Next returns the time until the clock shows a multiple of an interval, for loops that wait for
// something else besides.
func Next(interval time.Duration) time.Duration {
	wait := interval - time.Duration(time.Now().UnixNano()-shift.Load())%interval
	if wait < interval/8 { // A timer may expire a little before the clock shows the time.
		wait += interval
	}
	return wait
}

// Sleep returns true when the clock shows the next multiple of an interval, and false when ctx
// has ended.
func Sleep(ctx context.Context, interval time.Duration) bool {
	timer := time.NewTimer(Next(interval))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Every calls read once in each interval until ctx ends, and returns after the last call has
// returned. The first call comes after at most a little more than one interval. turned is called
// with the error when reads begin to fail, and with nil when they succeed again. An error after
// the end of ctx is not reported.
func Every(ctx context.Context, interval time.Duration, read func(ctx context.Context) error, turned func(err error)) {
	for failing := false; Sleep(ctx, interval); {
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
