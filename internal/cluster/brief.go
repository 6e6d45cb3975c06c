package cluster

import (
	"context"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// heartbeats has the methods that make and read heartbeats. In a view that all members know,
// between nodes that can read it, a heartbeat is brief: it names the view and does not list its
// members. So what a node sends five times a second is small in a cluster of any size. A node
// that receives a brief one, and does not know what it leaves out, asks for a full one.
type heartbeats struct{ node *Node }

const (
	maxAsking = 16 // how many nodes are asked at a time what their heartbeats leave out
	fullTicks = 25 // one heartbeat in this many is full
)

// nextLocked returns the next heartbeat to send.
func (h heartbeats) nextLocked(now time.Time, leaving bool) protocol.Heartbeat {
	n := h.node
	n.beats.Next(now)
	if !leaving && h.briefLocked(now) {
		b := h.plainLocked()
		b.Marks, b.Also = n.members.Marks(&n.view.View, h.promisedLocked(), b.N, now)
		return b
	}
	b := h.fullLocked(now)
	b.Leaving = leaving
	return b
}

// plainLocked returns what full and brief heartbeats have in common.
func (h heartbeats) plainLocked() protocol.Heartbeat {
	n := h.node
	return protocol.Heartbeat{
		ID: n.o.ID, Name: n.o.Name, Version: n.o.Version, Speaks: protocol.Version, Reads: protocol.HiddenVersion, N: n.beats.Last(),
		Eligible: n.members.IsEligible(), View: n.view.View, Promised: n.promised.ID.Number, Connections: n.engine.Connections(),
	}
}

// fullLocked returns a full heartbeat.
func (h heartbeats) fullLocked(now time.Time) protocol.Heartbeat {
	n := h.node
	b := h.plainLocked()
	b.Sees = n.members.Seen()
	b.Leases = n.members.SupportLeases(&n.view.View, h.promisedLocked(), now)
	if !n.view.Interest {
		b.Acked = map[string]uint64{}
		for id, in := range n.view.in {
			b.Acked[id] = in.Last()
		}
		for _, out := range n.view.out {
			b.Sent = out.Count() // There is one stream to all.
		}
	}
	return b
}

// promisedLocked returns the view that this node has promised last. It may be the current view.
func (h heartbeats) promisedLocked() *view.View {
	if n := h.node; n.promised.ID.Compare(n.view.ID) > 0 {
		return &n.promised
	}
	return &h.node.view.View
}

// briefLocked reports whether the next heartbeat may be brief. It is full after a new view
// or a new peer, so that few nodes have to ask for what they do not know. One in fullTicks
// is full in any case, for nodes that have missed an earlier one.
func (h heartbeats) briefLocked(now time.Time) bool {
	n := h.node
	return n.view.Interest && n.beats.ticks%fullTicks > 0 && now.Sub(n.view.since) >= protocol.AskWithin &&
		n.members.MayBeBrief(now)
}

// resolveLocked adds to a brief heartbeat what it leaves out. If this node does not know
// that, it asks the sender, and the heartbeat says only that the sender is there.
func (h heartbeats) resolveLocked(b *protocol.Heartbeat, now time.Time) bool {
	n := h.node
	if b.Marks == nil || n.members.Resolve(b, h.viewLocked(b.View.ID)) {
		return true
	}
	if !n.members.NoteUnread(b, now) {
		return false
	}
	if asking := n.beats.asking; !asking[b.ID] && len(asking) < maxAsking {
		asking[b.ID] = true
		id := b.ID
		n.working.Go(func() { h.ask(id) })
	}
	return false
}

// ask asks a node for a full heartbeat.
func (h heartbeats) ask(id string) {
	n := h.node
	ctx, cancel := context.WithTimeout(n.ctx, protocol.PrepareAgain)
	defer cancel()
	data, err := n.o.Transport.Request(ctx, n.subjects.Node(id, protocol.KindBeat), nil)
	if err == nil && !protocol.IsBrief(data) {
		n.onHeartbeat("", data, nil)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.beats.asking, id)
}

// beat answers with a full heartbeat. It has the number of the last one that was sent.
func (r requests) beat(reply func([]byte)) {
	n := r.node
	n.mu.Lock()
	b := heartbeats{n}.fullLocked(time.Now())
	closed := n.closed
	n.mu.Unlock()
	if data, err := b.Bytes(); err == nil && !closed {
		reply(data)
	}
}

// viewLocked returns the view of an id, if this node or a peer has it or has had it, or nil.
func (h heartbeats) viewLocked(id view.ID) *view.View {
	n := h.node
	switch {
	case id.Number == 0:
		return nil
	case n.view.ID == id:
		return &n.view.View
	case n.promised.ID == id:
		return &n.promised
	}
	if v := n.members.ViewOf(id); v != nil {
		return v
	}
	for i := range n.past {
		if n.past[i].ID == id {
			return &n.past[i]
		}
	}
	return nil
}
