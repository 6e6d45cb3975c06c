package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// membership is what a node knows of its peers, and what view follows from that.
// It has no lock, no goroutine and no clock: the view and the time are arguments.
type membership struct {
	self     string
	started  time.Time
	eligible bool // this node may be a room's home: it does not drain
	met      bool // there was a peer since the start
	peers    map[string]*peer
	silent   map[string]time.Time // peers that did not answer a proposal, and until when they stay out
	newer    map[string]newerNode // nodes that speak a newer version of the wire
	joinedAt time.Time            // when the last peer came

	viewSince time.Time // of the commit of this node's view
	// version grows when something changes that a proposal depends on, besides the time.
	version int
	steady  steady
	stands  standingProposal
}

// peer is what this node knows of another.
type peer struct {
	last    heartbeat
	since   time.Time // of the first heartbeat
	seenAt  time.Time // of the last
	ackedAt time.Time // when this node last supported its lease
	// leaseAt is when this node sent the last heartbeat that the peer acknowledges.
	leaseAt time.Time
	// unread says that the peer sends brief heartbeats that cannot be read here yet.
	unread bool
}

func (p *peer) sees(id string) bool {
	_, ok := slices.BinarySearch(p.last.Sees, id)
	return ok
}

// seen returns the ids of the peers, sorted.
func (m *membership) seen() []string { return slices.Sorted(maps.Keys(m.peers)) }

// proposal returns the members and homes that the view should have. ok is false
// when another node decides that, or it is too early.
func (m *membership) proposal(current *View, now time.Time) (v View, ok bool) {
	candidates, ok := m.candidates(current, now)
	switch {
	case !ok || slices.Min(candidates) != m.self:
		return v, false
	case current.ID.Number == 0 && len(candidates) == 1 && now.Sub(m.started) < suspectAfter:
		return v, false
	}
	v.Members = m.connected(current, candidates)
	m.assign(&v, m.latest(current, v.Members), now)
	v.Interest = !slices.ContainsFunc(v.Members, func(id string) bool { return !m.reads(id, interestVersion) })
	return v, true
}

// candidates returns the nodes that may be in the next view, this one included. ok
// is false when this node must not propose one.
func (m *membership) candidates(current *View, now time.Time) (all []string, ok bool) {
	var silent []string
	all = append(all, m.self)
	for id, p := range m.peers {
		switch {
		case !p.sees(m.self) || m.followsAnother(p):
		case !current.has(id) && !m.settled(p, current, now):
			if current.ID.Number == 0 {
				return nil, false // It may be part of the first view in a moment.
			}
		case now.Before(m.silent[id]):
			silent = append(silent, id)
		default:
			all = append(all, id)
		}
	}
	// A node that sees others that do not see it, as after it was suspended, is not
	// alone: it waits until they do. Nor does it continue alone while others only
	// fail to answer: it would not know what they have acknowledged without it.
	// They are asked until they answer.
	few := (len(m.peers) + 1) / 2
	if len(all) <= few {
		all = append(all, silent...)
	}
	return all, len(all) > few
}

// connected returns those of the candidates that all see each other, present
// members first: others could not complete each other's rooms.
func (m *membership) connected(current *View, candidates []string) (members []string) {
	slices.SortFunc(candidates, func(a, b string) int {
		if in := current.has(a); in != current.has(b) {
			return map[bool]int{true: -1, false: 1}[in]
		}
		return cmp.Compare(a, b)
	})
	for _, c := range candidates {
		apart := func(id string) bool {
			return id != m.self && (!m.peers[id].sees(c) || !m.peers[c].sees(id))
		}
		if c == m.self || !slices.ContainsFunc(members, apart) {
			members = append(members, c)
		}
	}
	slices.Sort(members)
	return members
}

// followsAnother reports whether a peer has a view with a node that this one does
// not reach, and that comes before this one. Of two nodes that do not reach each
// other, a third follows the lower, and does not change sides again and again.
func (m *membership) followsAnother(p *peer) bool {
	return slices.ContainsFunc(p.last.View.Members, func(id string) bool {
		other := m.peers[id]
		return id < m.self && p.sees(id) && (other == nil || !other.sees(m.self))
	})
}

// settled reports whether a peer that is not in the view may become part of one:
// it has been seen for some heartbeats, it and the members see each other, and so
// has been every node that it sees. Links come back one after another, and of
// nodes that belong together none shall be left behind; but a node that cannot be
// reached does not keep the others waiting for ever.
func (m *membership) settled(p *peer, current *View, now time.Time) bool {
	switch seen := now.Sub(p.since); {
	case seen < settleTime:
		return false
	case seen >= mergeWithin:
		return true
	}
	for _, id := range current.Members {
		if member := m.peers[id]; member != nil && (!p.sees(id) || !member.sees(p.last.ID)) {
			return false
		}
	}
	return !slices.ContainsFunc(p.last.Sees, func(id string) bool {
		other := m.peers[id]
		return id != m.self && (other == nil || now.Sub(other.since) < settleTime || !other.sees(m.self))
	})
}

// agreed reports whether all peers among the members show the view in their
// heartbeats, and no promise of a later one.
func (m *membership) agreed(current *View) bool {
	for _, id := range current.Members {
		if p := m.peers[id]; p != nil && (p.last.View.ID != current.ID || p.last.Promised > current.ID.Number) {
			return false
		}
	}
	return true
}

// reads reports whether a node reads a form of the messages between two nodes.
func (m *membership) reads(id string, version int) bool {
	p := m.peers[id]
	return id == m.self || p != nil && p.last.Reads >= version
}

// allRead reports whether all peers read a form.
func (m *membership) allRead(version int) bool {
	for _, p := range m.peers {
		if p.last.Reads < version {
			return false
		}
	}
	return true
}

// mayBeBrief reports whether there are peers that all read brief heartbeats, and none of them
// is so new that it knows too little for that.
func (m *membership) mayBeBrief(now time.Time) bool {
	return len(m.peers) > 0 && now.Sub(m.joinedAt) >= askWithin && m.allRead(briefVersion)
}

// start notes that this node sends heartbeats from now on.
func (m *membership) start(now time.Time) { m.started = now }

// drain has no room's home be this node from the next view on.
func (m *membership) drain() {
	m.eligible = false
	m.version++
}

// isEligible reports whether this node may be a room's home: it does not drain.
func (m *membership) isEligible() bool { return m.eligible }

// commit notes when this node's view was committed.
func (m *membership) commit(at time.Time) { m.viewSince = at }

// hasMet reports whether there was a peer since the start.
func (m *membership) hasMet() bool { return m.met }

// count returns how many peers there are.
func (m *membership) count() int { return len(m.peers) }

// alone reports whether there is no peer, after the time in which others would have been found.
func (m *membership) alone(now time.Time) bool {
	return len(m.peers) == 0 && now.Sub(m.started) >= suspectAfter
}

// renew notes that a peer has acknowledged a heartbeat that this node sent at a time.
func (m *membership) renew(id string, sent time.Time) {
	if p := m.peers[id]; p != nil && sent.After(p.leaseAt) {
		p.leaseAt = sent
	}
}

// connections returns how many connections some of the peers had at their last heartbeat.
func (m *membership) connections(ids []string) (sum int) {
	for _, id := range ids {
		if p := m.peers[id]; p != nil {
			sum += p.last.Connections
		}
	}
	return sum
}

// viewOf returns a view that a peer has, or nil.
func (m *membership) viewOf(id ViewID) *View {
	for _, p := range m.peers {
		if p.last.View.ID == id {
			return &p.last.View
		}
	}
	return nil
}

// nextNumber returns a number for a view that is higher than all that this node
// knows of; own is the highest of its own view and promise.
func (m *membership) nextNumber(own uint64) uint64 {
	for _, p := range m.peers {
		own = max(own, p.last.View.ID.Number, p.last.Promised)
	}
	return own + 1
}

// leased reports whether a majority of the view has acknowledged a heartbeat that
// this node sent within the lease time.
func (m *membership) leased(current *View, now time.Time) bool {
	have := 1
	for _, id := range current.Members {
		if p := m.peers[id]; p != nil && now.Sub(p.leaseAt) < leaseTime {
			have++
		}
	}
	return have > len(current.Members)/2
}

// supported returns how long ago this node last supported the lease of a member of
// the view that next leaves out, leaseTime at most.
func (m *membership) supported(current, next *View, now time.Time) time.Duration {
	ago := leaseTime
	for _, id := range current.Members {
		if p := m.peers[id]; p != nil && !next.has(id) {
			ago = min(ago, now.Sub(p.ackedAt))
		}
	}
	return ago
}

// leftOut reports whether members have had a later view without this node, or
// other nodes and this one see each other and do not unite; and how long that may
// last before the node is excluded.
func (m *membership) leftOut(current *View) (out bool, limit time.Duration) {
	limit = suspectAfter + mergeWithin
	for id, p := range m.peers {
		v := &p.last.View
		switch {
		case current.ID.Number == 0 || len(v.Members) == 0 || v.has(m.self):
		case current.has(id) && v.ID.compare(current.ID) > 0:
			out, limit = true, suspectAfter
		case p.sees(m.self) && v.Members[0] < current.Members[0]:
			out = true
		}
	}
	return out, limit
}

// outdated says why this node takes no part in the cluster: there are nodes of a
// newer version, and none of its own. Members of a view keep serving, so that one
// node of a newer release stops none of them.
func (m *membership) outdated(current *View) error {
	if len(current.Members) > 1 {
		return nil
	}
	for id, other := range m.newer {
		return fmt.Errorf("node %s (%s) speaks version %d of the cluster protocol, and this node reads up to version %d: run the same release on all nodes",
			id, other.version, other.speaks, wireVersion)
	}
	return nil
}
