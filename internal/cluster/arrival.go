package cluster

import (
	"context"

	"confab/internal/chat"
)

// arrival is the frame of an operation that this node's own clients asked for,
// on its way to them. An operation is done for them when their room has
// delivered its frame: success alone would leave a client without the frame
// that answers it.
type arrival struct {
	// settled is closed when the frame was delivered here, or never will be.
	settled chan struct{}
	missed  bool // it never will be; readable once settled is closed
}

// expect looks out for the frame of an operation. expectNoMore ends it.
func (n *Node) expect(id string) *arrival {
	a := &arrival{settled: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.ids[id]; e != nil && e.delivered {
		a.missed = e.missed
		close(a.settled)
	} else {
		n.arrivals[id] = a
	}
	return a
}

func (n *Node) expectNoMore(id string, a *arrival) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.arrivals[id] == a {
		delete(n.arrivals, id)
	}
}

// arrive notes that an entry was delivered, or passed over. The caller holds n.mu.
func (n *Node) arrive(e *entry) {
	if a := n.arrivals[e.frame.ID]; a != nil {
		delete(n.arrivals, e.frame.ID)
		a.missed = e.missed
		close(a.settled)
	}
}

// wait returns once the frame was delivered here. Unavailable means that it was
// delivered elsewhere, or that nobody knows within ctx.
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
