package cluster

import (
	"cmp"
	"slices"
	"time"
)

// wanted returns the members and homes that there should be; ok is false when
// another node decides that, or it is too early.
func (n *Node) wanted(now time.Time) (v View, ok bool) {
	candidates, silent := []string{n.o.ID}, []string(nil)
	for id, p := range n.peers {
		if !p.sees(n.o.ID) || n.bound(p) {
			continue
		}
		if !n.view.has(id) && !n.settled(p, now) {
			if n.view.ID.Number == 0 {
				return v, false
			}
			continue
		}
		if now.Before(n.silent[id]) {
			silent = append(silent, id)
			continue
		}
		candidates = append(candidates, id)
	}
	// A node that hears others who do not hear it, as after it was stopped for a
	// while, is not alone: it waits until they do. It does not go on alone either
	// while others only fail to answer: what they have acknowledged without it
	// would not be known here. They are asked until they answer.
	few := (len(n.peers) + 1) / 2
	if len(candidates) <= few {
		candidates = append(candidates, silent...)
	}
	if len(candidates) <= few {
		return v, false
	}
	if slices.Min(candidates) != n.o.ID || n.view.ID.Number == 0 && len(candidates) == 1 && now.Sub(n.started) < suspectAfter {
		return v, false
	}
	// Who is in the view stays in it before others come.
	slices.SortFunc(candidates, func(a, b string) int {
		if in := n.view.has(a); in != n.view.has(b) {
			return map[bool]int{true: -1, false: 1}[in]
		}
		return cmp.Compare(a, b)
	})
	for _, c := range candidates {
		// Members that do not hear each other could not complete each other's rooms.
		if c == n.o.ID || !slices.ContainsFunc(v.Members, func(m string) bool {
			return m != n.o.ID && (!n.peers[m].sees(c) || !n.peers[c].sees(m))
		}) {
			v.Members = append(v.Members, c)
		}
	}
	slices.Sort(v.Members)
	for _, m := range v.Members {
		if p := n.peers[m]; p != nil && p.last.Eligible || m == n.o.ID && n.eligible {
			v.Homes = append(v.Homes, m)
		}
	}
	if len(v.Homes) == 0 {
		v.Homes = v.Members
	}
	return v, true
}

// bound says whether a node has a view with one that it hears, that this one does
// not hear, and that comes before this one: of two nodes that do not hear each
// other, a third follows the first, and does not go to and fro. The caller
// holds n.mu.
func (n *Node) bound(p *peer) bool {
	return slices.ContainsFunc(p.last.View.Members, func(id string) bool {
		other := n.peers[id]
		return id < n.o.ID && p.sees(id) && (other == nil || !other.sees(n.o.ID))
	})
}

// settled says whether a node that is not in the view may become part of one:
// it has been heard for some beats, it and the members hear each other, and
// whoever it hears has been heard for some beats too. Links come back one after
// another, and of nodes that are together none shall be left behind; but one
// that cannot be reached does not keep the others for ever. The caller holds n.mu.
func (n *Node) settled(p *peer, now time.Time) bool {
	switch heard := now.Sub(p.since); {
	case heard < settleTime:
		return false
	case heard >= mergeWithin:
		return true
	}
	for _, id := range n.view.Members {
		if m := n.peers[id]; m != nil && (!p.sees(id) || !m.sees(p.last.ID)) {
			return false
		}
	}
	return !slices.ContainsFunc(p.last.Sees, func(id string) bool {
		other := n.peers[id]
		return id != n.o.ID && (other == nil || now.Sub(other.since) < settleTime || !other.sees(n.o.ID))
	})
}

// agreed says whether all members are in the view, or may still be on their way.
func (n *Node) agreed(now time.Time) bool {
	if now.Sub(n.committed) < askWithin {
		return true
	}
	if n.sealed || n.promised.ID.compare(n.view.ID) > 0 {
		return false
	}
	for _, id := range n.view.Members {
		if p := n.peers[id]; p != nil && (p.last.View.ID != n.view.ID || p.last.Promised > n.view.ID.Number) {
			return false
		}
	}
	return true
}
