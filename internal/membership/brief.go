package membership

import (
	"slices"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// Marks returns what this node gets from the members of its view, for its heartbeat of a
// number, and which other nodes it sees. It acknowledges the heartbeats of those whose lease it
// supports: those that are also in the view that it has promised.
func (m *Peers) Marks(current, promised *view.View, number uint64, now time.Time) (all protocol.Marks, also []string) {
	all = protocol.NewMarks(len(current.Members))
	members := 0
	for i, id := range current.Members {
		p := m.peers[id]
		if p == nil {
			continue
		}
		members++
		mark := byte(protocol.MarkSeen)
		if number >= p.last.N && number-p.last.N < protocol.MarkSeen && (promised.ID == current.ID || promised.Has(id)) {
			mark = byte(number - p.last.N)
			p.ackedAt = now
		}
		all.Set(i, mark)
	}
	if members == len(m.peers) {
		return all, nil
	}
	for id := range m.peers {
		if !current.Has(id) {
			also = append(also, id)
		}
	}
	slices.Sort(also)
	return all, also
}

// Resolve adds to a brief heartbeat what it leaves out: the view, and the rest from the heartbeat
// before. It returns false if that is not enough.
func (m *Peers) Resolve(b *protocol.Heartbeat, full *view.View) bool {
	p := m.peers[b.ID]
	if p == nil || p.unread || full == nil || len(b.Marks) != (len(full.Members)+1)/2 {
		return false
	}
	last := &p.last
	same := last.Marks != nil && last.View.ID == b.View.ID && last.Marks.SeesAs(b.Marks) && slices.Equal(last.Also, b.Also)
	b.Name, b.Version, b.Speaks, b.View = last.Name, last.Version, last.Speaks, *full
	if b.Sees = last.Sees; !same {
		b.Sees = b.Expand()
	}
	return true
}

// NoteUnread takes a brief heartbeat that cannot be resolved, and reports whether its node has to
// be asked. A node of which nothing else is known is a peer that sees none: this node is not
// alone beside it, and proposes nothing with it.
func (m *Peers) NoteUnread(b *protocol.Heartbeat, now time.Time) bool {
	if newer, known := m.newer[b.ID]; known {
		newer.seenAt = now
		m.newer[b.ID] = newer
		return false
	}
	switch p := m.peers[b.ID]; {
	case p == nil:
		m.peers[b.ID] = &peer{since: now, seenAt: now, unread: true, last: protocol.Heartbeat{
			ID: b.ID, Reads: b.Reads, Promised: max(b.Promised, b.View.ID.Number),
		}}
		m.met, m.joinedAt = true, now
		m.version++
	case p.unread:
		p.seenAt = now
	}
	return true
}
