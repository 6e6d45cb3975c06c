package messaging

import (
	"context"
	"errors"
	"sync"
	"time"

	"confab/internal/chat"
)

// verdictsLast is how long a verdict is kept of an operation that may be asked for
// again: longer than anybody asks.
const verdictsLast = 15 * time.Second

// verdicts are what message review handlers said of messages that are not
// published: while the cluster changes a home is asked for the same operation
// again, and its handler shall not see the message twice.
type verdicts struct {
	mu   sync.Mutex // guards byID
	byID map[string]*verdict
}

// verdict is the outcome of one review.
type verdict struct {
	began   time.Time
	done    chan struct{} // closed when what follows is there
	message *chat.Message
	err     error
}

// errBrokenOff is the verdict of a review that panicked.
var errBrokenOff = errors.New("messaging: the review broke off")

// review asks the room's handler, or returns what it said of this message before.
func (e *Engine) review(ctx context.Context, settings *chat.Room, m *chat.Message, senderIP string) (*chat.Message, error) {
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
		// The verdict outlives whoever asks first: cut short, it would be the fallback.
		v.message, v.err = e.o.Reviewer.Review(context.WithoutCancel(ctx), settings, m, senderIP)
		return v.message, v.err
	}
	select {
	case <-v.done:
		return v.message, v.err
	case <-ctx.Done():
		return nil, chat.Errorf(chat.Unavailable, "The message was not reviewed in time")
	}
}

// judged forgets the verdict on an operation, unless its outcome is one after
// which it is asked for again.
func (e *Engine) judged(op Operation, outcome error) {
	if op.Action != chat.ActionSendMessage || errors.Is(outcome, ErrMoved) || outcome != nil && chat.CodeOf(outcome) == chat.Unavailable {
		return
	}
	e.verdicts.mu.Lock()
	defer e.verdicts.mu.Unlock()
	delete(e.verdicts.byID, op.ID)
}

// expire forgets verdicts that nobody asks for any more.
func (v *verdicts) expire(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, verdict := range v.byID {
		if now.Sub(verdict.began) > verdictsLast {
			delete(v.byID, id)
		}
	}
}
