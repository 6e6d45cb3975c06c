package cluster

import (
	"log/slog"
	"slices"
	"time"

	"confab/internal/chat"
)

// streams are this node's part in the streams between homes and members: what it sends as
// a home, and what it gets from others.
type streams struct{ node *Node }

// markLocked tells all members that this node is open.
func (s streams) markLocked() {
	n := s.node
	mark := newSentItem(nil, item{at: point{View: n.view.ID}})
	s.putLocked(mark, n.view.Members)
}

// sendLocked puts a frame on the streams to those that get it: the members with sessions of
// its room, and its keepers. before is the place in front of it.
func (s streams) sendLocked(l *roomLog, before point, f *chat.Frame) {
	n := s.node
	it := newSentItem(l, item{at: point{n.view.ID, f.Sequence}, prev: before, frame: f})
	if !n.view.Interest {
		s.putLocked(it, n.view.Members)
		return
	}
	keepers := l.keepersIn(&n.view.View)
	s.putLocked(it, keepers)
	n.view.out[keepers[0]].urge()
	for id := range n.view.interested[l.room()] {
		if !slices.Contains(keepers, id) {
			s.putLocked(it, []string{id})
		}
	}
}

// putLocked puts an item on the streams to some members.
func (s streams) putLocked(it *sentItem, members []string) {
	n := s.node
	n.o.Metrics.FramesSent.Inc()
	for _, id := range members {
		out := n.view.out[id]
		if out == nil {
			continue // This node itself.
		}
		out.add(it)
		if !n.view.Interest {
			// What is lost, also for want of a connection, is asked for.
			n.o.Transport.Publish(n.subjects.frames(), encodeItem(it.of(n.o.ID, out.count()))) //nolint:errcheck // See above.
			return                                                                             // All have one stream.
		}
	}
	n.outbox.wake()
}

// onItem takes an item of another home's stream, in a view without interest.
func (n *Node) onItem(_ string, data []byte, _ func([]byte)) {
	it, err := decodeItem(data)
	n.mu.Lock()
	defer n.mu.Unlock()
	in := n.view.in[it.home]
	switch {
	case n.view.Interest:
	case err != nil:
		streams{n}.unreadableLocked(err)
	case it.at.View != n.view.ID || in == nil || in.has(it.count): // Of another view, or known.
	default:
		streams{n}.receiveLocked(it.home, in, it)
		if n.view.keeper(it.home) == n.o.ID {
			n.acks.due(it.home, true)
		}
		if in.gap() {
			streams{n}.fillLocked(it.home, in)
		}
	}
}

func (s streams) unreadableLocked(err error) {
	n := s.node
	if !n.view.unreadable {
		n.view.unreadable = true
		n.log.LogAttrs(n.ctx, slog.LevelError, "Frame of another node could not be decoded, and clients here miss it; only adjacent releases work together", slog.Any("error", err))
	}
}

// frames takes items of another home's stream to this node.
func (r requests) frames(data []byte) {
	b, err := decodeBatch(data)
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	in := n.view.in[b.home]
	switch {
	case err != nil:
		streams{n}.unreadableLocked(err)
	case b.view != n.view.ID || in == nil || !n.view.Interest: // Of another view.
	default:
		streams{n}.takeLocked(in, b)
		if in.gap() {
			streams{n}.fillLocked(b.home, in)
		}
	}
}

// takeLocked puts the items of a message in their places.
func (s streams) takeLocked(in *inbound, b batch) {
	n := s.node
	for _, it := range b.items {
		if !in.has(it.count) {
			s.receiveLocked(b.home, in, it)
		}
	}
	if b.urgent {
		n.acks.due(b.home, true)
	}
}

// receiveLocked puts an item in its place, and carries out what is due.
func (s streams) receiveLocked(home string, in *inbound, it item) {
	n := s.node
	due := in.put(it)
	for _, it := range due {
		if it.frame == nil {
			// The home has gathered: what is held here of its rooms is part of them.
			in.opened = true
			n.logs.deliverHeldOf(home, &n.view.View)
			n.signalLocked()
			continue
		}
		n.o.Metrics.FramesReceived.Inc()
		s.keepLocked(it)
	}
	if len(due) > 0 {
		n.acks.due(home, false)
	}
}

// keepLocked appends a frame of another home to its room's log, and delivers it.
func (s streams) keepLocked(it item) {
	n := s.node
	now := time.Now()
	l := n.logs.room(it.frame.RoomID, now)
	if n.view.Interest {
		entered := n.interests.has(l.room())
		switch {
		case it.at.compare(l.end()) <= 0:
			return // It came before this node entered the room.
		case it.prev != l.end() && (!entered || l.end() == (point{})):
			n.logs.reset(l, it.prev, now) // Frames before it were not for this node.
		}
		if i := n.interests.byRoom[l.room()]; i == nil && !n.view.keeps(l, n.o.ID) {
			entering{n, l.room(), &interest{number: n.interests.last}}.leaveLocked()
		}
	}
	n.logs.add(l, it.at, it.frame, now)
	n.logs.deliverNext(l)
}
