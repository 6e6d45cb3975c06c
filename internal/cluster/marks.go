package cluster

import (
	"slices"
	"time"
)

// marks returns what this node gets from the members of its view, for its heartbeat of a
// number, and which other nodes it sees. It acknowledges the heartbeats of those whose lease it
// supports: those that are also in the view that it has promised.
func (m *membership) marks(current, promised *View, number uint64, now time.Time) (all marks, also []string) {
	all = newMarks(len(current.Members))
	members := 0
	for i, id := range current.Members {
		p := m.peers[id]
		if p == nil {
			continue
		}
		members++
		mark := byte(markSeen)
		if number >= p.last.N && number-p.last.N < markSeen && (promised.ID == current.ID || promised.has(id)) {
			mark = byte(number - p.last.N)
			p.ackedAt = now
		}
		all.set(i, mark)
	}
	if members == len(m.peers) {
		return all, nil
	}
	for id := range m.peers {
		if !current.has(id) {
			also = append(also, id)
		}
	}
	slices.Sort(also)
	return all, also
}

// resolve adds to a brief heartbeat what it leaves out: the view, and the rest from the heartbeat
// before. It returns false if that is not enough.
func (m *membership) resolve(b *heartbeat, view *View) bool {
	p := m.peers[b.ID]
	if p == nil || p.unread || view == nil || len(b.marks) != (len(view.Members)+1)/2 {
		return false
	}
	last := &p.last
	same := last.marks != nil && last.View.ID == b.View.ID && last.marks.seesAs(b.marks) && slices.Equal(last.also, b.also)
	b.Name, b.Version, b.Speaks, b.View = last.Name, last.Version, last.Speaks, *view
	if b.Sees = last.Sees; !same {
		b.Sees = b.expand()
	}
	return true
}

// noteUnread takes a brief heartbeat that cannot be resolved, and reports whether its node has to
// be asked. A node of which nothing else is known is a peer that sees none: this node is not
// alone beside it, and proposes nothing with it.
func (m *membership) noteUnread(b *heartbeat, now time.Time) bool {
	if newer, known := m.newer[b.ID]; known {
		newer.seenAt = now
		m.newer[b.ID] = newer
		return false
	}
	switch p := m.peers[b.ID]; {
	case p == nil:
		m.peers[b.ID] = &peer{since: now, seenAt: now, unread: true, last: heartbeat{
			ID: b.ID, Reads: b.Reads, Promised: max(b.Promised, b.View.ID.Number),
		}}
		m.met, m.joinedAt = true, now
		m.version++
	case p.unread:
		p.seenAt = now
	}
	return true
}
