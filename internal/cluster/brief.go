package cluster

import (
	"context"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// heartbeats are what nodes say of themselves. In a view that all know, between nodes that read
// that, they are brief: they name the view and do not list its members, so what a node says of
// itself five times a second is few bytes in a cluster of any size. A node that gets a brief one
// and lacks what it leaves out asks for it.
type heartbeats struct{ node *Node }

const (
	maxAsking = 16 // how many nodes are asked at a time what their heartbeats leave out
	fullTicks = 25 // heartbeats from one that leaves nothing out to the next
)

// nextLocked returns the heartbeat that is due.
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

// plainLocked returns what all heartbeats say.
func (h heartbeats) plainLocked() protocol.Heartbeat {
	n := h.node
	return protocol.Heartbeat{
		ID: n.o.ID, Name: n.o.Name, Version: n.o.Version, Speaks: protocol.Version, Reads: protocol.HiddenVersion, N: n.beats.Last(),
		Eligible: n.members.IsEligible(), View: n.view.View, Promised: n.promised.ID.Number, Connections: n.engine.Connections(),
	}
}

// fullLocked returns a heartbeat that leaves nothing out.
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
			b.Sent = out.Count() // It is one stream.
		}
	}
	return b
}

// promisedLocked returns the view that this node has promised last, which may be its own.
func (h heartbeats) promisedLocked() *view.View {
	if n := h.node; n.promised.ID.Compare(n.view.ID) > 0 {
		return &n.promised
	}
	return &h.node.view.View
}

// briefLocked reports whether a heartbeat may be brief. Full ones show a new view, and show a new
// peer what it has to know, so that few need to be asked for. Now and then there is one besides:
// whatever a node has missed, it knows again.
func (h heartbeats) briefLocked(now time.Time) bool {
	n := h.node
	return n.view.Interest && n.beats.ticks%fullTicks > 0 && now.Sub(n.view.since) >= protocol.AskWithin &&
		n.members.MayBeBrief(now)
}

// resolveLocked adds to a brief heartbeat what it leaves out. If that is not known here, its
// node is asked, and the heartbeat says no more than that the node is there.
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

// ask asks a node for a heartbeat that leaves nothing out.
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

// beat answers with a heartbeat that leaves nothing out. It has the number of the last one.
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
