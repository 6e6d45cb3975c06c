package membership

import (
	"slices"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// steady is a state in which a node has nothing to propose, and will not have as long as
// only time passes.
type steady struct {
	version        int
	view, promised view.ID
}

// IsSteady reports whether nothing has changed since there was nothing to propose.
func (m *Peers) IsSteady(view, promised view.ID) bool {
	return m.steady == steady{m.version, view, promised}
}

// Settle notes that there is nothing to propose, if that will not change by the passing of time
// alone.
func (m *Peers) Settle(v *view.View, promised view.ID) {
	if m.settledIn(v) {
		m.steady = steady{m.version, v.ID, promised}
	}
}

// Proposes reports whether the view should have these members.
func (m *Peers) Proposes(members []string, current *view.View, now time.Time) bool {
	if m.stands.version != m.version || m.stands.view != current.ID || now.Sub(m.stands.at) >= protocol.RetryWait {
		v, ok := m.Proposal(current, now)
		m.stands = standingProposal{m.version, current.ID, now, v.Members, ok}
	}
	return m.stands.ok && slices.Equal(m.stands.members, members)
}

// settledIn reports whether the next proposal does not depend on the time: the peers are
// the members of the view, all of them answer, and none waits for a seat.
func (m *Peers) settledIn(v *view.View) bool {
	for id := range m.peers {
		if !v.Has(id) {
			return false
		}
	}
	return v.ID.Number > 0 && len(m.peers)+1 == len(v.Members) && len(m.silent) == 0 && !m.spare(v)
}

// standingProposal caches for a moment what this node would propose, because every member's
// question for its promise compares it.
type standingProposal struct {
	version int
	view    view.ID
	at      time.Time
	members []string
	ok      bool
}
