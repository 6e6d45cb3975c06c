package cluster

import (
	"log/slog"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/protocol"
	"confab/internal/roomlog"
	"confab/internal/stream"
	"confab/internal/view"
)

// streams has the methods for the streams between homes and members: what this node sends
// as a home, and what it receives from other homes.
type streams struct{ node *Node }

// markLocked sends all members the mark that this node is open.
func (s streams) markLocked() {
	n := s.node
	mark := stream.NewSent(nil, protocol.Item{At: view.Point{View: n.view.ID}})
	s.putLocked(mark, n.view.Members)
}

// sendLocked puts a frame on the streams to the members with sessions of its room, and to
// the room's keepers. before is the place in front of the frame.
func (s streams) sendLocked(l *roomlog.Log, before view.Point, f *chat.Frame) {
	n := s.node
	it := stream.NewSent(l, protocol.Item{At: view.Point{View: n.view.ID, Seq: f.Sequence}, Prev: before, Frame: f})
	if !n.view.Interest {
		s.putLocked(it, n.view.Members)
		return
	}
	keepers := l.Keepers(&n.view.View)
	s.putLocked(it, keepers)
	n.view.out[keepers[0]].Urge()
	for id := range n.view.interested[l.ID()] {
		if !slices.Contains(keepers, id) {
			s.putLocked(it, []string{id})
		}
	}
}

// putLocked puts an item on the streams to the given members.
func (s streams) putLocked(it *stream.Sent, members []string) {
	n := s.node
	n.o.Metrics.FramesSent.Inc()
	for _, id := range members {
		out := n.view.out[id]
		if out == nil {
			continue // This node itself.
		}
		out.Add(it)
		if !n.view.Interest {
			// If it is lost, or there is no connection, the members ask for it.
			n.o.Transport.Publish(n.subjects.Frames(), protocol.EncodeItem(it.Of(n.o.ID, out.Count()))) //nolint:errcheck // See above.
			return                                                                                      // All members share one stream.
		}
	}
	n.outbox.wake()
}

// onItem handles an item of another home's stream, in a view without interest.
func (n *Node) onItem(_ string, data []byte, _ func([]byte)) {
	it, err := protocol.DecodeItem(data)
	n.mu.Lock()
	defer n.mu.Unlock()
	in := n.view.in[it.Home]
	switch {
	case n.view.Interest:
	case err != nil:
		streams{n}.unreadableLocked(err)
	case it.At.View != n.view.ID || in == nil || in.Has(it.Count): // It belongs to another view, or is known already.
	default:
		streams{n}.receiveLocked(it.Home, in, it)
		if n.view.keeper(it.Home) == n.o.ID {
			n.acks.due(it.Home, true)
		}
		if in.Gap() {
			streams{n}.fillLocked(it.Home, in)
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

// frames handles a message with items of another home's stream to this node.
func (r requests) frames(data []byte) {
	b, err := protocol.DecodeBatch(data)
	n := r.node
	n.mu.Lock()
	defer n.mu.Unlock()
	in := n.view.in[b.Home]
	switch {
	case err != nil:
		streams{n}.unreadableLocked(err)
	case b.View != n.view.ID || in == nil || !n.view.Interest: // It belongs to another view.
	default:
		streams{n}.takeLocked(in, b)
		if in.Gap() {
			streams{n}.fillLocked(b.Home, in)
		}
	}
}

// takeLocked handles the items of a message.
func (s streams) takeLocked(in *inbound, b protocol.Batch) {
	n := s.node
	for _, it := range b.Items {
		if !in.Has(it.Count) {
			s.receiveLocked(b.Home, in, it)
		}
	}
	if b.Urgent {
		n.acks.due(b.Home, true)
	}
}

// receiveLocked handles an item: it is carried out in its turn, with those behind it that
// waited for it.
func (s streams) receiveLocked(home string, in *inbound, it protocol.Item) {
	n := s.node
	due := in.Put(it)
	for _, it := range due {
		if it.Frame == nil {
			// The home has gathered. Frames of its rooms that are held here are part of them.
			in.opened = true
			n.logs.DeliverHeldOf(home, &n.view.View)
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
func (s streams) keepLocked(it protocol.Item) {
	n := s.node
	now := time.Now()
	l := n.logs.Room(it.Frame.RoomID, now)
	if n.view.Interest {
		entered := n.interests.Has(l.ID())
		switch {
		case it.At.Compare(l.End()) <= 0:
			return // The frame was numbered before this node entered the room.
		case it.Prev != l.End() && (!entered || l.End() == (view.Point{})):
			n.logs.Reset(l, it.Prev, now) // The frames before it were not sent to this node.
		}
		if n.interests.Find(l.ID()) == nil && !n.view.keeps(l, n.o.ID) {
			entering{n, l.ID(), n.interests.Past()}.leaveLocked()
		}
	}
	n.logs.Add(l, it.At, it.Frame, now)
	n.logs.DeliverNext(l)
}
