package cluster

import (
	"context"

	"confab/internal/chat"
	"confab/internal/roomlog"
)

// arrival is the frame of an operation that this node's own clients asked for, on
// its way to them. An operation is done for them when their room has delivered its
// frame: success alone would leave a client without the frame that answers it.
type arrival struct {
	id string // the operation's
	// then is called when settled is closed; nil is nothing.
	then func()
	// settled is closed when the frame was delivered here, or never will be.
	settled chan struct{}
	missed  bool // it never will be; readable once settled is closed
}

// arrivals are the frames that operations of this node wait for, by id.
type arrivals map[string]*arrival

// expect returns the arrival of an operation's frame; before is what the logs
// know of it. remove ends it.
func (s arrivals) expect(id string, before roomlog.Outcome) *arrival {
	a := &arrival{id: id, settled: make(chan struct{})}
	switch before {
	case roomlog.Delivered, roomlog.PassedOver:
		a.missed = before == roomlog.PassedOver
		close(a.settled)
	default:
		s[id] = a
	}
	return a
}

func (s arrivals) remove(id string, a *arrival) {
	if s[id] == a {
		delete(s, id)
	}
}

// settle notes that a frame was delivered, or passed over.
func (s arrivals) settle(id string, missed bool) {
	if a := s[id]; a != nil {
		delete(s, id)
		a.missed = missed
		close(a.settled)
		if a.then != nil {
			a.then()
		}
	}
}

// whenSettled has f called when the arrival is settled, in place of an earlier one.
func (a *arrival) whenSettled(f func()) {
	select {
	case <-a.settled:
		f()
	default:
		a.then = f
	}
}

// wait returns once the frame was delivered here. Unavailable means that it was
// delivered elsewhere, or that this is not known within ctx.
func (a *arrival) wait(ctx context.Context) error {
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
