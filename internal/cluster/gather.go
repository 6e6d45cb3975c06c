package cluster

import (
	"context"
	"log/slog"
	"time"

	"confab/internal/protocol"
	"confab/internal/reconcile"
	"confab/internal/roomlog"
	"confab/internal/view"
)

// gather makes this node the home of its rooms in a view, and opens the view here. It ends
// when the view does.
func (n *Node) gather(ctx context.Context, v view.View, past []view.View) {
	began := time.Now()
	if rooms, ok := reconcile.Run(ctx, gathers{n}, n.o.ID, v, past); ok {
		n.open(&v, rooms, began)
	}
}

// open delivers the frames of its rooms that this node holds, and sends the mark.
func (n *Node) open(v *view.View, rooms reconcile.Rooms, began time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != v.ID {
		return
	}
	for id, states := range rooms.States {
		if l := n.logs.Find(id); l != nil {
			n.logs.DeliverHeld(l)
		}
		for member, s := range states {
			if s.Interest > 0 && member != n.o.ID {
				n.view.interested.Note(id, member, s.Interest)
			}
		}
	}
	n.view.open()
	if len(v.Members) > 1 {
		streams{n}.markLocked()
	}
	n.log.LogAttrs(n.ctx, slog.LevelDebug, "Rooms of this node opened", slog.Uint64("view", v.ID.Number),
		slog.Int("rooms", len(rooms.States)), slog.Int("completed", rooms.Completed), slog.String("took", time.Since(began).String()))
	n.signalLocked()
}

// gathers implements reconcile.Node for a node.
type gathers struct{ node *Node }

// State asks a member how far it is.
func (h gathers) State(ctx context.Context, of string, q protocol.StateQuestion) (a protocol.StateAnswer) {
	if of == h.node.o.ID {
		return requests(h).state(q)
	}
	a, _ = request[protocol.StateAnswer](ctx, h.node, of, protocol.KindState, q) // Without an answer, it is not OK.
	return a
}

// History asks a member for pieces of its logs.
func (h gathers) History(ctx context.Context, of string, q protocol.HistoryQuestion) (a protocol.HistoryAnswer) {
	if of == h.node.o.ID {
		return requests(h).history(q)
	}
	a, _ = request[protocol.HistoryAnswer](ctx, h.node, of, protocol.KindHistory, q) // Without an answer, it is not OK.
	return a
}

// Complete gives a member what it lacks.
func (h gathers) Complete(ctx context.Context, of string, q protocol.CompleteQuestion) (a protocol.CompleteAnswer) {
	if of == h.node.o.ID {
		return requests(h).complete(q)
	}
	a, _ = request[protocol.CompleteAnswer](ctx, h.node, of, protocol.KindComplete, q) // Without an answer, it is not OK.
	return a
}

// Locked lends the logs.
func (h gathers) Locked(in view.ID, f func(*roomlog.Logs)) bool {
	n := h.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != in {
		return false
	}
	f(&n.logs)
	return true
}

// Adopt makes a history the log of its room.
func (h gathers) Adopt(history protocol.History, now time.Time) { h.node.adoptLocked(history, now) }

// adoptLocked makes a history the log of its room, and delivers what is new.
func (n *Node) adoptLocked(h protocol.History, now time.Time) {
	count, jumped := n.logs.Adopt(h, now)
	n.o.Metrics.FramesCompleted.Add(float64(count))
	if jumped {
		n.o.Metrics.Jumps.Inc()
	}
}
