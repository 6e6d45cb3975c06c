// Package membership says which nodes should work together. Peers holds what a node knows of
// the others from their heartbeats: who is there, whom they see, which view they have, what
// they have promised. From that and the time follows the view that the cluster should have
// (Proposal), whether this node has a lease (Leased), and whether the others have left it out
// (LeftOut).
//
// Everything here is a function of heartbeats, a view and a time. There is no lock, no
// goroutine and no clock, so tests walk through any order of events.
package membership

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// Peers is what a node knows of its peers, and what view follows from that.
// It has no lock, no goroutine and no clock: the view and the time are arguments.
type Peers struct {
	self     string
	started  time.Time
	eligible bool // this node may be a room's home, because it does not drain
	met      bool // this node has had a peer since its start
	peers    map[string]*peer
	silent   map[string]time.Time // peers that did not answer a proposal, with the time until which they stay out
	newer    map[string]newerNode // nodes that speak a newer version of the wire
	joinedAt time.Time            // when the last peer joined

	viewSince time.Time // when this node committed its view
	seenSince time.Time // when the last of the peers that see this node began to
	// version grows with each change that a proposal depends on. The time is not part of
	// it.
	version int
	steady  steady
	stands  standingProposal
}

// peer is what this node knows of another.
type peer struct {
	last    protocol.Heartbeat
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

// Seen returns the ids of the peers, sorted.
func (m *Peers) Seen() []string { return slices.Sorted(maps.Keys(m.peers)) }

// Proposal returns the members and homes that the view should have. ok is false
// when another node decides that, or it is too early.
func (m *Peers) Proposal(current *view.View, now time.Time) (v view.View, ok bool) {
	candidates, ok := m.candidates(current, now)
	switch {
	case !ok || slices.Min(candidates) != m.self:
		return v, false
	case current.ID.Number == 0 && len(candidates) == 1 && now.Sub(m.started) < protocol.SuspectAfter:
		return v, false
	}
	v.Members = m.connected(current, candidates)
	m.assign(&v, m.latest(current, v.Members), now)
	v.Interest = !slices.ContainsFunc(v.Members, func(id string) bool { return !m.Reads(id, protocol.InterestVersion) })
	return v, true
}

// candidates returns the nodes that may be in the next view, this one included. ok
// is false when this node must not propose one.
func (m *Peers) candidates(current *view.View, now time.Time) (all []string, ok bool) {
	var silent []string
	all = append(all, m.self)
	for id, p := range m.peers {
		switch {
		case !p.sees(m.self) || m.followsAnother(p):
		case !current.Has(id) && !m.settled(p, current, now):
			if current.ID.Number == 0 {
				return nil, false // This node may be part of the first view soon.
			}
		case now.Before(m.silent[id]):
			silent = append(silent, id)
		default:
			all = append(all, id)
		}
	}
	// A node that receives heartbeats of others that do not see it, as after it was
	// suspended, is not alone: it waits until they see it. It does not continue alone
	// either while the others only do not answer, because it does not know what they have
	// acknowledged without it. They are asked until they answer.
	few := (len(m.peers) + 1) / 2
	if len(all) <= few {
		all = append(all, silent...)
	}
	return all, len(all) > few
}

// connected returns those candidates that all see each other, present members first. Others
// could not complete each other's rooms.
func (m *Peers) connected(current *view.View, candidates []string) (members []string) {
	slices.SortFunc(candidates, func(a, b string) int {
		if in := current.Has(a); in != current.Has(b) {
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

// followsAnother reports whether a peer is in a view with a node that this node does not
// reach and whose id is lower than that of this node. If two nodes do not reach each other,
// a third follows the lower one, so it does not change sides again and again.
func (m *Peers) followsAnother(p *peer) bool {
	return slices.ContainsFunc(p.last.View.Members, func(id string) bool {
		other := m.peers[id]
		return id < m.self && p.sees(id) && (other == nil || !other.sees(m.self))
	})
}

// settled reports whether a peer that is not in the view may become a member: it has been
// seen for some heartbeats, it and the members see each other, and every node that it sees
// has been seen for as long. Links come back one after another, and nodes that belong
// together should join together. But a node that cannot be reached does not make the others
// wait for ever.
func (m *Peers) settled(p *peer, current *view.View, now time.Time) bool {
	switch seen := now.Sub(p.since); {
	case seen < protocol.SettleTime:
		return false
	case seen >= protocol.MergeWithin:
		return true
	}
	for _, id := range current.Members {
		if member := m.peers[id]; member != nil && (!p.sees(id) || !member.sees(p.last.ID)) {
			return false
		}
	}
	return !slices.ContainsFunc(p.last.Sees, func(id string) bool {
		other := m.peers[id]
		return id != m.self && (other == nil || now.Sub(other.since) < protocol.SettleTime || !other.sees(m.self))
	})
}

// Agreed reports whether all peers among the members show the view in their
// heartbeats, and no promise of a later one.
func (m *Peers) Agreed(current *view.View) bool {
	for _, id := range current.Members {
		if p := m.peers[id]; p != nil && (p.last.View.ID != current.ID || p.last.Promised > current.ID.Number) {
			return false
		}
	}
	return true
}

// Reads reports whether a node reads a form of the messages between two nodes.
func (m *Peers) Reads(id string, version int) bool {
	p := m.peers[id]
	return id == m.self || p != nil && p.last.Reads >= version
}

// AllRead reports whether all peers read a form.
func (m *Peers) AllRead(version int) bool {
	for _, p := range m.peers {
		if p.last.Reads < version {
			return false
		}
	}
	return true
}

// MayBeBrief reports whether there are peers that all read brief heartbeats, and none of them
// is so new that it knows too little for that.
func (m *Peers) MayBeBrief(now time.Time) bool {
	return len(m.peers) > 0 && now.Sub(m.joinedAt) >= protocol.AskWithin && m.AllRead(protocol.BriefVersion)
}

// Start notes that this node sends heartbeats from now on.
func (m *Peers) Start(now time.Time) { m.started = now }

// Drain has no room's home be this node from the next view on.
func (m *Peers) Drain() {
	m.eligible = false
	m.version++
}

// IsEligible reports whether this node may be a room's home: it does not drain.
func (m *Peers) IsEligible() bool { return m.eligible }

// Commit notes when this node's view was committed.
func (m *Peers) Commit(at time.Time) { m.viewSince = at }

// Alone reports whether there is no peer, after the time in which others would have been found,
// and whether there was one since the start.
func (m *Peers) Alone(now time.Time) (alone, met bool) {
	return len(m.peers) == 0 && now.Sub(m.started) >= protocol.SuspectAfter, m.met
}

// Renew notes that a peer has acknowledged a heartbeat that this node sent at a time.
func (m *Peers) Renew(id string, sent time.Time) {
	if p := m.peers[id]; p != nil && sent.After(p.leaseAt) {
		p.leaseAt = sent
	}
}

// Connections returns how many connections some of the peers had at their last heartbeat.
func (m *Peers) Connections(ids []string) (sum int) {
	for _, id := range ids {
		if p := m.peers[id]; p != nil {
			sum += p.last.Connections
		}
	}
	return sum
}

// ViewOf returns a view that a peer has, or nil.
func (m *Peers) ViewOf(id view.ID) *view.View {
	for _, p := range m.peers {
		if p.last.View.ID == id {
			return &p.last.View
		}
	}
	return nil
}

// NextNumber returns a number for a view that is higher than all that this node
// knows of; own is the highest of its own view and promise.
func (m *Peers) NextNumber(own uint64) uint64 {
	for _, p := range m.peers {
		own = max(own, p.last.View.ID.Number, p.last.Promised)
	}
	return own + 1
}

// Leased reports whether a majority of the view has acknowledged a heartbeat that
// this node sent within the lease time.
func (m *Peers) Leased(current *view.View, now time.Time) bool {
	have := 1
	for _, id := range current.Members {
		if p := m.peers[id]; p != nil && now.Sub(p.leaseAt) < protocol.LeaseTime {
			have++
		}
	}
	return have > len(current.Members)/2
}

// Supported returns how long ago this node last supported the lease of a member of
// the view that next leaves out, leaseTime at most.
func (m *Peers) Supported(current, next *view.View, now time.Time) time.Duration {
	ago := protocol.LeaseTime
	for _, id := range current.Members {
		if p := m.peers[id]; p != nil && !next.Has(id) {
			ago = min(ago, now.Sub(p.ackedAt))
		}
	}
	return ago
}

// LeftOut reports whether members have had a later view without this node, or
// other nodes and this one see each other and do not unite; and how long that may
// last before the node is excluded.
func (m *Peers) LeftOut(current *view.View) (out bool, limit time.Duration) {
	limit = protocol.SuspectAfter + protocol.MergeWithin
	for id, p := range m.peers {
		v := &p.last.View
		switch {
		case current.ID.Number == 0 || len(v.Members) == 0 || v.Has(m.self):
		case current.Has(id) && v.ID.Compare(current.ID) > 0:
			out, limit = true, protocol.SuspectAfter
		case p.sees(m.self) && v.Members[0] < current.Members[0]:
			out = true
		}
	}
	return out, limit
}

// Outdated says why this node takes no part in the cluster: there are nodes of a
// newer version, and none of its own. Members of a view keep serving, so that one
// node of a newer release stops none of them.
func (m *Peers) Outdated(current *view.View) error {
	if len(current.Members) > 1 {
		return nil
	}
	for id, other := range m.newer {
		return fmt.Errorf("node %s (%s) speaks version %d of the cluster protocol, and this node reads up to version %d: run the same release on all nodes",
			id, other.version, other.speaks, protocol.Version)
	}
	return nil
}
