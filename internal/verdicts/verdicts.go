// Package verdicts keeps the answers of message review handlers for retries. While the
// cluster changes, a home may get the same message again, and its handler must not see the
// message twice.
package verdicts

import (
	"context"
	"errors"
	"sync"
	"time"

	"confab/internal/chat"
)

// last is how long the verdict on a message is kept for retries. It is longer than any
// retry takes.
const last = 15 * time.Second

// Verdicts has the verdicts on messages that are not published. Its methods may be called
// from any goroutine.
type Verdicts struct {
	mu   sync.Mutex // guards byID
	byID map[string]*verdict
}

// New returns Verdicts without any.
func New() *Verdicts { return &Verdicts{byID: make(map[string]*verdict)} }

// verdict is the outcome of one review.
type verdict struct {
	began   time.Time
	done    chan struct{} // closed when the fields below are set
	message *chat.Message
	// fallback is set if the handler did not decide.
	fallback bool
	err      error
}

// errBrokenOff is the verdict of a review that panicked.
var errBrokenOff = errors.New("verdicts: the review broke off")

// Review calls ask about the message with this id, or returns the earlier verdict on it:
// the message as it shall be delivered, whether the handler did not decide, and why it is
// refused. ask gets a context that does not end with ctx, because later callers get its
// verdict too. Unavailable means that another call is still asking when ctx ends.
func (v *Verdicts) Review(ctx context.Context, id string, now time.Time, ask func(context.Context) (*chat.Message, bool, error)) (*chat.Message, bool, error) {
	v.mu.Lock()
	known := v.byID[id]
	first := known == nil
	if first {
		known = &verdict{began: now, done: make(chan struct{}), err: errBrokenOff}
		v.byID[id] = known
	}
	v.mu.Unlock()
	if first {
		defer close(known.done)
		// The end of the first caller's context must not end the review: the fallback
		// result would decide, for all callers.
		known.message, known.fallback, known.err = ask(context.WithoutCancel(ctx))
		return known.message, known.fallback, known.err
	}
	select {
	case <-known.done:
		return known.message, known.fallback, known.err
	case <-ctx.Done():
		return nil, false, chat.Errorf(chat.Unavailable, "The message was not reviewed in time")
	}
}

// Forget removes the verdict on a message that will not be retried.
func (v *Verdicts) Forget(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.byID, id)
}

// Expire removes verdicts that are too old for a retry.
func (v *Verdicts) Expire(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, known := range v.byID {
		if now.Sub(known.began) > last {
			delete(v.byID, id)
		}
	}
}
