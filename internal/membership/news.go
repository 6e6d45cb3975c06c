package membership

import (
	"slices"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// newerNode is a node that speaks a version of the wire that this one does not read.
type newerNode struct {
	version string // the build's
	speaks  int
	seenAt  time.Time
}

// News says what a heartbeat has changed.
type News uint8

// The values of News.
const (
	NewsNone   News = iota // it is late, or its sender is no peer
	newsSame               // from a peer, with nothing new
	NewsJoined             // from a new peer
	NewsDrains             // from a peer that has begun to drain, or no longer does
	NewsLeft               // the last from a peer
	NewsTooNew             // the first from a node of a newer version
)

// New returns what a node knows that has just started.
func New(self string) Peers {
	return Peers{self: self, eligible: true, version: 1, peers: map[string]*peer{}, silent: map[string]time.Time{}, newer: map[string]newerNode{}}
}

// Note takes a heartbeat. A node of a newer version is no peer: whatever it says
// may mean something else.
func (m *Peers) Note(b *protocol.Heartbeat, now time.Time) News {
	if b.Speaks > protocol.Version {
		return m.noteNewer(b, now)
	}
	delete(m.newer, b.ID)
	p := m.peers[b.ID]
	result := newsSame
	switch {
	case b.Leaving:
		m.version++
		delete(m.peers, b.ID)
		return NewsLeft
	case p == nil || p.unread:
		if p == nil {
			p = &peer{since: now}
			m.peers[b.ID] = p
		}
		m.met, m.joinedAt = true, now
		result = NewsJoined
	case b.N <= p.last.N:
		return NewsNone
	case p.last.Eligible != b.Eligible:
		result = NewsDrains
	}
	if result != newsSame || differ(&p.last, b) {
		m.version++
	}
	if _, sees := slices.BinarySearch(b.Sees, m.self); sees && !p.sees(m.self) {
		m.seenSince = now
	}
	p.last, p.seenAt, p.unread = *b, now, false
	return result
}

// differ reports whether proposals depend on something that has changed between two
// heartbeats.
func differ(last, later *protocol.Heartbeat) bool {
	return last.View.ID != later.View.ID || last.Promised != later.Promised || last.Reads != later.Reads || !slices.Equal(last.Sees, later.Sees)
}

// Waits reports whether a proposal should wait for the next heartbeat of a peer: another peer has
// begun to see this node, and this one probably has, too, but has sent no heartbeat since. A
// proposal without it would take longer than to wait.
func Waits(m *Peers, now time.Time) bool {
	if now.Sub(m.seenSince) > protocol.BeatInterval+protocol.BeatSlack {
		return false
	}
	for _, p := range m.peers {
		if !p.sees(m.self) && p.seenAt.Before(m.seenSince) {
			return true
		}
	}
	return false
}

func (m *Peers) noteNewer(b *protocol.Heartbeat, now time.Time) News {
	_, known := m.newer[b.ID]
	m.version++
	delete(m.peers, b.ID)
	delete(m.newer, b.ID)
	if b.Leaving {
		return NewsNone
	}
	m.newer[b.ID] = newerNode{b.Version, b.Speaks, now}
	if known {
		return NewsNone
	}
	return NewsTooNew
}

// Resumed gives all peers their full time again: this process was suspended, and
// could not receive their heartbeats.
func (m *Peers) Resumed(now time.Time) {
	for _, p := range m.peers {
		p.seenAt = now
	}
}

// Expire removes the peers whose heartbeats have stopped, and returns their ids.
func (m *Peers) Expire(now time.Time) (timedOut []string) {
	for id, p := range m.peers {
		if now.Sub(p.seenAt) > protocol.SuspectAfter {
			m.version++
			delete(m.peers, id)
			timedOut = append(timedOut, id)
		}
	}
	for id, other := range m.newer {
		if now.Sub(other.seenAt) > protocol.SuspectAfter {
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

// Judge looks at the answers of the members of a proposed view. It returns whether
// all have promised it, and how long ago one of them last supported the lease of a
// node that it leaves out. late says that they had all the time there is, for a
// proposal that was right all the while: members without an answer are silent then.
func (m *Peers) Judge(v *view.View, answers []protocol.PrepareAnswer, late bool, now time.Time) (supported time.Duration, promised bool) {
	supported, promised = protocol.LeaseTime, true
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
			m.silent[v.Members[i]] = now.Add(protocol.SilentFor)
		}
	}
	return supported, promised
}

// SupportLeases acknowledges the heartbeats of the peers whose lease this node
// supports: those in its view that are also in the one that it has promised.
func (m *Peers) SupportLeases(current, promised *view.View, now time.Time) map[string]uint64 {
	leases := map[string]uint64{}
	for id, p := range m.peers {
		if promised.Has(id) && current.Has(id) {
			leases[id] = p.last.N
			p.ackedAt = now
		}
	}
	return leases
}
