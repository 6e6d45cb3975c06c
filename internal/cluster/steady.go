package cluster

import (
	"slices"
	"time"
)

// steady is a state in which a node has nothing to propose, and will not have by the passing of
// time alone.
type steady struct {
	version        int
	view, promised ViewID
}

// isSteady reports whether nothing has changed since there was nothing to propose.
func (m *membership) isSteady(view, promised ViewID) bool {
	return m.steady == steady{m.version, view, promised}
}

// settle notes that there is nothing to propose, if that will not change by the passing of time
// alone.
func (m *membership) settle(v *View, promised ViewID) {
	if m.settledIn(v) {
		m.steady = steady{m.version, v.ID, promised}
	}
}

// proposes reports whether the view should have these members.
func (m *membership) proposes(members []string, current *View, now time.Time) bool {
	if m.stands.version != m.version || m.stands.view != current.ID || now.Sub(m.stands.at) >= retryWait {
		v, ok := m.proposal(current, now)
		m.stands = standingProposal{m.version, current.ID, now, v.Members, ok}
	}
	return m.stands.ok && slices.Equal(m.stands.members, members)
}

// settledIn reports whether what follows from the peers does not depend on the time: the peers
// are the members of the view, all of them answer, and none waits for a seat.
func (m *membership) settledIn(v *View) bool {
	for id := range m.peers {
		if !v.has(id) {
			return false
		}
	}
	return v.ID.Number > 0 && len(m.peers)+1 == len(v.Members) && len(m.silent) == 0 && !m.spare(v)
}

// standingProposal is what a node would propose, kept for a moment: each member's question for
// its promise looks.
type standingProposal struct {
	version int
	view    ViewID
	at      time.Time
	members []string
	ok      bool
}
