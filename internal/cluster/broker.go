package cluster

import (
	"context"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/recent"
	"confab/internal/roomlog"
	"confab/internal/view"
)

// Await returns once this node may sequence the room.
func (n *Node) Await(ctx context.Context, roomID, id string) (messaging.Turn, error) {
	waited := false
	for {
		n.mu.Lock()
		err := n.mayNumberLocked(roomID, id)
		if err == nil {
			t := messaging.Turn{Epoch: n.view.ID.Number}
			if l := n.logs.Find(roomID); l != nil {
				t.Messages = l.RecentMessages(time.Now())
			}
			n.mu.Unlock()
			return t, nil
		}
		changed := n.changed
		n.mu.Unlock()
		if err != messaging.ErrNotNow { //nolint:errorlint // mayNumberLocked returns it as it is.
			return messaging.Turn{}, err
		}
		if !waited {
			waited = true
			n.o.Metrics.LeaseWaits.Inc()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return messaging.Turn{}, chat.Errorf(chat.Unavailable, "The cluster is changing; try again")
		}
	}
}

// mayNumberLocked returns nil if this node may number a frame of the room now.
func (n *Node) mayNumberLocked(roomID, id string) error {
	home := n.logs.Home(&n.view.View, roomID)
	switch was := n.logs.Outcome(id); {
	case n.closed || home != n.o.ID && home != "":
		return messaging.ErrMoved
	case n.calls.AskedOutside(n.view.ID, id):
		return messaging.ErrMoved // The asking node may not be in this view.
	case home == "" || !n.view.phase.Numbers() || !n.members.Leased(&n.view.View, time.Now()):
		return messaging.ErrNotNow
	case was == roomlog.Held:
		return messaging.ErrNotNow
	case was != roomlog.Unknown:
		return messaging.ErrPublished
	}
	return nil
}

// Next gives f its place in the room's order.
func (n *Node) Next(f *chat.Frame) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.mayNumberLocked(f.RoomID, f.ID); err != nil {
		return err
	}
	n.view.numbered++
	if n.view.Interest {
		n.logs.Begin(n.logs.Room(f.RoomID, time.Now()), n.view.ID)
	}
	f.Epoch, f.Sequence = n.view.ID.Number, n.logs.Number(f.RoomID, n.view.ID, time.Now())
	return nil
}

// broker is a node as its engine sees it.
type broker struct{ *Node }

// Stands reports whether the node may still publish f, which has a place: its view is not shut,
// and it has its lease, so no other node numbers frames of the room. A process that was
// suspended has no lease when it continues.
func (n broker) Stands(f *chat.Frame) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.publishesLocked(f) && n.members.Leased(&n.view.View, time.Now())
}

// Drop gives up the place of f.
func (n broker) Drop(f *chat.Frame) <-chan error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.publishesLocked(f) {
		n.settledLocked()
	}
	return moved()
}

// publishesLocked reports whether frames of f's view may be published.
func (n broker) publishesLocked(f *chat.Frame) bool {
	return f.Epoch == n.view.ID.Number && n.view.phase.Publishes()
}

// settledLocked notes that a numbered frame is published or dropped.
func (n broker) settledLocked() {
	if n.view.numbered--; n.view.numbered == 0 && n.view.phase.IsSealed() {
		n.signalLocked()
	}
}

func moved() <-chan error {
	safe := make(chan error, 1)
	safe <- messaging.ErrMoved
	return safe
}

// Publish sends f to the other members, and delivers it here once one of them has it.
func (n broker) Publish(f *chat.Frame) <-chan error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.publishesLocked(f) {
		return moved()
	}
	n.settledLocked()
	safe, now := make(chan error, 1), time.Now()
	l := n.logs.Room(f.RoomID, now)
	before, at := l.End(), view.Point{View: n.view.ID, Seq: f.Sequence}
	if len(n.view.Members) == 1 {
		n.logs.Add(l, at, f, now)
		n.logs.DeliverNext(l)
		return nil
	}
	n.logs.Publish(l, at, f, safe, now)
	streams{n.Node}.sendLocked(l, before, f)
	return safe
}

// LastDelivered returns the last frame of a room that this node has delivered to its
// clients, if it had one within the last minute.
func (n *Node) LastDelivered(roomID string) recent.Delivered {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.logs.Find(roomID)
	if l == nil {
		return recent.Delivered{}
	}
	at := l.Delivered()
	return recent.Delivered{Epoch: at.View.Number, Sequence: at.Seq, Known: at != (view.Point{}), Lost: func(at chat.Point) bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		l := n.logs.Find(roomID)
		return l != nil && l.Lost(at)
	}}
}
