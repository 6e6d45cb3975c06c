package cluster

import (
	"context"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// Await returns once this node may sequence the room.
func (n *Node) Await(ctx context.Context, roomID, id string) (messaging.Turn, error) {
	waited := false
	for {
		n.mu.Lock()
		err := n.turn(roomID, id)
		if err == nil {
			now := time.Now()
			t := messaging.Turn{Epoch: n.view.ID.Number}
			if l := n.rooms[roomID]; l != nil {
				t.Messages = l.recentMessages(now)
			}
			n.mu.Unlock()
			return t, nil
		}
		changed := n.changed
		n.mu.Unlock()
		if err != messaging.ErrNotNow { //nolint:errorlint // turn returns it as it is.
			return messaging.Turn{}, err
		}
		if !waited {
			waited = true
			n.o.Metrics.ClusterLeaseWaits.Inc()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return messaging.Turn{}, chat.Errorf(chat.Unavailable, "The cluster is changing; try again")
		}
	}
}

// turn says whether this node may number a frame of the room now. The caller
// holds n.mu.
func (n *Node) turn(roomID, id string) error {
	home := n.view.home(roomID)
	c := n.calls[id]
	switch e := n.ids[id]; {
	case n.closed || home != n.o.ID && home != "":
		return messaging.ErrMoved
	case c != nil && c.view != n.view.ID:
		return messaging.ErrMoved // Whoever asked may not be in this view.
	case home == "" || n.sealed || !n.out.open || !n.leased(time.Now()):
		return messaging.ErrNotNow
	case e != nil && !e.delivered:
		return messaging.ErrNotNow
	case e != nil:
		return messaging.ErrPublished
	}
	return nil
}

// Next gives f its place in the room's order.
func (n *Node) Next(f *chat.Frame) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.turn(f.RoomID, f.ID); err != nil {
		return err
	}
	l := n.room(f.RoomID)
	if l.assignedIn != n.view.ID {
		l.assigned, l.assignedIn = max(l.last.Seq, n.floor), n.view.ID
	}
	l.assigned++
	l.touched = time.Now()
	n.numbered++
	f.Epoch, f.Sequence = n.view.ID.Number, l.assigned
	return nil
}

// Publish sends f to the other members, and delivers it here once one of them
// has it.
func (n *Node) Publish(f *chat.Frame) <-chan error {
	n.mu.Lock()
	defer n.mu.Unlock()
	safe := make(chan error, 1)
	if f.Epoch != n.view.ID.Number || n.shut {
		safe <- messaging.ErrMoved
		return safe
	}
	if n.numbered--; n.numbered == 0 && n.sealed {
		n.signal()
	}
	l := n.room(f.RoomID)
	e := n.add(l, point{n.view.ID, f.Sequence}, f)
	if len(n.view.Members) == 1 {
		n.deliver(l)
		return nil
	}
	e.safe = safe
	n.send(l, f)
	return safe
}
