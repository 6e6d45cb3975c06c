package cluster

import (
	"slices"
	"time"
)

// newerNode is a node that speaks a version of the wire that this one does not read.
type newerNode struct {
	version string // the build's
	speaks  int
	seenAt  time.Time
}

// news says what a heartbeat has changed.
type news uint8

const (
	newsNone   news = iota // it is late, or its node is no peer
	newsSame               // from a peer, as before
	newsJoined             // from a new peer
	newsDrains             // from a peer that has begun to drain, or no longer does
	newsLeft               // the last from a peer
	newsTooNew             // the first from a node of a newer version
)

func newMembership(self string) membership {
	return membership{self: self, eligible: true, version: 1, peers: map[string]*peer{}, silent: map[string]time.Time{}, newer: map[string]newerNode{}}
}

// note takes a heartbeat. A node of a newer version is no peer: whatever it says
// may mean something else.
func (m *membership) note(b *heartbeat, now time.Time) news {
	if b.Speaks > wireVersion {
		return m.noteNewer(b, now)
	}
	delete(m.newer, b.ID)
	p := m.peers[b.ID]
	result := newsSame
	switch {
	case b.Leaving:
		m.version++
		delete(m.peers, b.ID)
		return newsLeft
	case p == nil || p.unread:
		if p == nil {
			p = &peer{since: now}
			m.peers[b.ID] = p
		}
		m.met, m.joinedAt = true, now
		result = newsJoined
	case b.N <= p.last.N:
		return newsNone
	case p.last.Eligible != b.Eligible:
		result = newsDrains
	}
	if result != newsSame || differ(&p.last, b) {
		m.version++
	}
	p.last, p.seenAt, p.unread = *b, now, false
	return result
}

// differ reports whether a later heartbeat says something else that proposals depend on.
func differ(last, later *heartbeat) bool {
	return last.View.ID != later.View.ID || last.Promised != later.Promised || last.Reads != later.Reads || !slices.Equal(last.Sees, later.Sees)
}

func (m *membership) noteNewer(b *heartbeat, now time.Time) news {
	_, known := m.newer[b.ID]
	m.version++
	delete(m.peers, b.ID)
	delete(m.newer, b.ID)
	if b.Leaving {
		return newsNone
	}
	m.newer[b.ID] = newerNode{b.Version, b.Speaks, now}
	if known {
		return newsNone
	}
	return newsTooNew
}

// resumed gives all peers their full time again: this process was suspended, and
// could not receive their heartbeats.
func (m *membership) resumed(now time.Time) {
	for _, p := range m.peers {
		p.seenAt = now
	}
}

// expire removes the peers whose heartbeats have stopped, and returns their ids.
func (m *membership) expire(now time.Time) (timedOut []string) {
	for id, p := range m.peers {
		if now.Sub(p.seenAt) > suspectAfter {
			m.version++
			delete(m.peers, id)
			timedOut = append(timedOut, id)
		}
	}
	for id, other := range m.newer {
		if now.Sub(other.seenAt) > suspectAfter {
			delete(m.newer, id)
		}
	}
	for id, until := range m.silent {
		if now.After(until) {
			delete(m.silent, id)
		}
	}
	return timedOut
}

// judge looks at the answers of the members of a proposed view. It returns whether
// all have promised it, and how long ago one of them last supported the lease of a
// node that it leaves out. late says that they had all the time there is, for a
// proposal that was right all the while: members without an answer are silent then.
func (m *membership) judge(v *View, answers []prepareAnswer, late bool, now time.Time) (supported time.Duration, promised bool) {
	supported, promised = leaseTime, true
	m.version++
	for i, a := range answers {
		if a.OK {
			supported = min(supported, time.Duration(a.Supported))
			continue
		}
		promised = false
		switch p := m.peers[v.Members[i]]; {
		case p == nil:
		case a.Promised > 0:
			p.last.Promised = max(p.last.Promised, a.Promised)
		case late:
			m.silent[v.Members[i]] = now.Add(silentFor)
		}
	}
	return supported, promised
}

// supportLeases acknowledges the heartbeats of the peers whose lease this node
// supports: those in its view that are also in the one that it has promised.
func (m *membership) supportLeases(current, promised *View, now time.Time) map[string]uint64 {
	leases := map[string]uint64{}
	for id, p := range m.peers {
		if promised.has(id) && current.has(id) {
			leases[id] = p.last.N
			p.ackedAt = now
		}
	}
	return leases
}
