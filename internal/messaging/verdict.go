package messaging

import (
	"context"
	"errors"
	"sync"
	"time"

	"confab/internal/chat"
)

// verdictsLast is how long the verdict on an operation is kept for retries. It is longer
// than any retry takes.
const verdictsLast = 15 * time.Second

// verdicts holds the answers of message review handlers on messages that are not
// published. While the cluster changes, a home may get the same operation again, and its
// handler must not see the message twice.
type verdicts struct {
	mu   sync.Mutex // guards byID
	byID map[string]*verdict
}

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
var errBrokenOff = errors.New("messaging: the review broke off")

// review asks the room's handler, or returns its earlier verdict on this message.
func (e *Engine) review(ctx context.Context, settings *chat.Room, m *chat.Message, senderIP string) (*chat.Message, bool, error) {
	e.verdicts.mu.Lock()
	v := e.verdicts.byID[m.ID]
	first := v == nil
	if first {
		v = &verdict{began: e.now(), done: make(chan struct{}), err: errBrokenOff}
		e.verdicts.byID[m.ID] = v
	}
	e.verdicts.mu.Unlock()
	if first {
		defer close(v.done)
		// Later callers get this verdict too, so the first caller's context must not cut
		// it short: it would be the fallback.
		v.message, v.fallback, v.err = e.o.Reviewer.Review(context.WithoutCancel(ctx), settings, m, senderIP)
		return v.message, v.fallback, v.err
	}
	select {
	case <-v.done:
		return v.message, v.fallback, v.err
	case <-ctx.Done():
		return nil, false, chat.Errorf(chat.Unavailable, "The message was not reviewed in time")
	}
}

// judged removes the verdict on an operation, unless the operation may be retried after
// this outcome.
func (e *Engine) judged(op *Operation, outcome error) {
	if op.Action != chat.ActionSendMessage || errors.Is(outcome, ErrMoved) || outcome != nil && chat.CodeOf(outcome) == chat.Unavailable {
		return
	}
	e.verdicts.mu.Lock()
	defer e.verdicts.mu.Unlock()
	delete(e.verdicts.byID, op.ID)
}

// expire removes verdicts that are too old for a retry.
func (v *verdicts) expire(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, verdict := range v.byID {
		if now.Sub(verdict.began) > verdictsLast {
			delete(v.byID, id)
		}
	}
}
