// Package inflight knows the operations that are under way between a node of a cluster and the
// homes of rooms: those that the node's own clients wait for, and those that other nodes asked
// it to carry out. It locks nothing; the node does.
package inflight

import (
	"context"

	"confab/internal/chat"
	"confab/internal/roomlog"
)

// Arrival is the frame of an operation that this node's own clients asked for, on its way to
// them. An operation is done for them when their room has delivered its frame: success alone
// would leave a client without the frame that answers it.
type Arrival struct {
	id string // the operation's
	// outlasted is set if the operation is not done when its frame was delivered.
	outlasted bool
	// then is called when settled is closed; nil is nothing.
	then func()
	// settled is closed when the frame was delivered here, or when it is known that it
	// never will be.
	settled chan struct{}
	missed  bool // it never will be delivered here; valid once settled is closed
	// earlier is the arrival of an earlier request with the same id, which waits too. The event
	// of a ban is asked for more than once.
	earlier *Arrival
}

// Arrivals are the frames that operations of this node wait for, by the operations' ids.
type Arrivals map[string]*Arrival

// Expect returns the arrival of an operation's frame; before is what the logs know of it, and
// outlasted is set if the frame is not the end of the operation. Remove ends it.
func (s Arrivals) Expect(id string, before roomlog.Outcome, outlasted bool) *Arrival {
	a := &Arrival{id: id, outlasted: outlasted, settled: make(chan struct{})}
	switch before {
	case roomlog.Delivered, roomlog.PassedOver:
		a.missed = before == roomlog.PassedOver
		close(a.settled)
	default:
		a.earlier, s[id] = s[id], a
	}
	return a
}

// Remove ends an arrival: its operation waits no longer.
func (s Arrivals) Remove(a *Arrival) {
	last := s[a.id]
	if last == a {
		if s[a.id] = a.earlier; a.earlier == nil {
			delete(s, a.id)
		}
		return
	}
	for ; last != nil; last = last.earlier {
		if last.earlier == a {
			last.earlier = a.earlier
			return
		}
	}
}

// Settle notes that a frame was delivered, or passed over.
func (s Arrivals) Settle(id string, missed bool) {
	a := s[id]
	delete(s, id)
	for ; a != nil; a = a.earlier {
		a.missed = missed
		close(a.settled)
		if a.then != nil {
			a.then()
		}
	}
}

// ID is that of the operation.
func (a *Arrival) ID() string { return a.id }

// Settled is closed when the frame was delivered here, or never will be.
func (a *Arrival) Settled() <-chan struct{} { return a.settled }

// Answers is Settled, if the frame is as good as an answer of the room's home. Otherwise it is nil.
func (a *Arrival) Answers() <-chan struct{} {
	if a.outlasted {
		return nil
	}
	return a.settled
}

// WhenAnswered has f called when Answers is closed, in place of an earlier one.
func (a *Arrival) WhenAnswered(f func()) {
	if a.outlasted {
		return
	}
	select {
	case <-a.settled:
		f()
	default:
		a.then = f
	}
}

// Wait returns once the frame was delivered here. Unavailable means that it was delivered
// elsewhere, or that this is not known within ctx. No lock is needed.
func (a *Arrival) Wait(ctx context.Context) error {
	select {
	case <-a.settled:
		if !a.missed {
			return nil
		}
		return chat.Errorf(chat.Unavailable, "The cluster was divided, and the request was delivered in another part of it only")
	case <-ctx.Done():
		return chat.Errorf(chat.Unavailable, "The request was not confirmed in time; it may still be delivered")
	}
}
