package cluster

import (
	"time"
)

// steady is a state in which a node has nothing to propose, and will not have by the passing of
// time alone.
type steady struct {
	version        int
	view, promised ViewID
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
