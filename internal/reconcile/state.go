package reconcile

import (
	"maps"
	"slices"

	"confab/internal/protocol"
	"confab/internal/view"
)

// gathered is what the members of a view have of a room.
type gathered struct {
	room    string
	states  map[string]protocol.RoomState // by member
	bestAt  view.Point                    // how far the furthest member is
	deepest string                        // the one of those with the longest log
	source  string                        // which member has what the home lacks; "" if it lacks nothing
	whole   bool                          // it lacks only the log
	young   bool                          // its log also lacks what is before
	lagging []string                      // the members that lack something
}

// compareStates returns the rooms in which not all members are equally far, seen
// from the home self. was is the last view that was open at each member.
func compareStates(self string, v *view.View, rooms map[string]*gathered, was map[string]view.ID) (behind []*gathered) {
	for _, g := range rooms {
		// A frame that one member has in the latest view of the room counts: a client
		// may have seen it.
		for _, member := range v.Members {
			s := g.states[member]
			c := s.Last.Compare(g.bestAt)
			if c > 0 || c == 0 && s.Floor.Compare(g.states[g.deepest].Floor) < 0 {
				g.deepest, g.bestAt = member, s.Last
			}
		}
		own, deepest := g.states[self], g.states[g.deepest]
		g.whole = own.Last == g.bestAt
		g.young = own.Young && deepest.Floor.Compare(own.Floor) < 0
		// What is held here is delivered when the home opens; it has no place in a
		// log that another node has.
		if !g.whole || g.young && own.Delivered == own.Last {
			g.source = g.deepest
		}
		var keepers []string
		if v.Interest && deepest.Last != deepest.Floor {
			keepers = v.Keepers(g.room, self)
		}
		for _, member := range v.Members {
			if member != self && g.lags(member, v, was[member], slices.Contains(keepers, member)) {
				g.lagging = append(g.lagging, member)
			}
		}
		if g.source != "" || len(g.lagging) > 0 {
			behind = append(behind, g)
		}
	}
	return behind
}

// lags reports whether a member has to get frames of the room. A new member has missed
// nothing; it asks when it becomes the home. In a view with interest, others than keepers
// need frames only for their sessions, and lose what they hold if the room continues
// without that.
func (g *gathered) lags(member string, v *view.View, was view.ID, keeper bool) bool {
	s := g.states[member]
	old := s.Last != (view.Point{}) || was.Number > 0
	switch {
	case s.Last == g.bestAt:
		return false
	case !v.Interest:
		return old
	}
	return keeper || s.Interest > 0 && old || s.Delivered != s.Last
}

// unlevel returns the members that have delivered less of a room than others of their last
// view, each with those others, from the one on that has delivered most, if the room does not
// continue with the history of that view.
func (g *gathered) unlevel(v *view.View, was map[string]view.ID, past map[view.ID]view.View) map[string][]string {
	ahead := map[string][]string{}
	best := past[g.bestAt.View]
	for _, member := range v.Members {
		together := was[member]
		apart := together != was[g.deepest]
		switch {
		case together.Number == 0:
			continue
		case v.Interest && g.states[member].Interest == 0:
			continue // It has no clients of the room.
		case !apart && (g.bestAt.View.Compare(together) <= 0 || best.Has(member)):
			continue
		}
		for _, other := range v.Members {
			at := g.states[other].Delivered
			// The furthest member may have gone on in a view of its own that was open nowhere.
			if was[other] == together && at.Compare(g.states[member].Delivered) > 0 && (apart || at.View.Compare(together) <= 0) {
				ahead[member] = append(ahead[member], other)
			}
		}
		slices.SortStableFunc(ahead[member], func(a, b string) int {
			return g.states[b].Delivered.Compare(g.states[a].Delivered)
		})
	}
	return ahead
}

// openForAll takes a view that was open at one of its members for open at all of
// them: each had committed it, was asked what it had and given what it lacked. A
// member that has yet to get the marks of its homes when the next view comes was
// not left behind.
func openForAll(was map[string]view.ID, past map[view.ID]view.View) {
	for _, last := range maps.Clone(was) {
		v := past[last]
		for member := range was {
			if v.Has(member) && last.Compare(was[member]) > 0 {
				was[member] = last
			}
		}
	}
}

// missedViews returns for every member the views whose frames it has to get as far
// as it lacks them: the last that was open there, and all later ones with a member
// of those views. To a member that was left behind, what those have delivered is
// the continuation of its own history; a side of a partition that it did not reach
// has another history. A new member has missed nothing but what came in views of
// which it was a member without all of their homes.
func missedViews(was map[string]view.ID, past map[view.ID]view.View) map[string][]view.ID {
	order := slices.SortedFunc(maps.Keys(past), view.ID.Compare)
	missed := map[string][]view.ID{}
	for member, last := range was {
		together := []string{}
		if last.Number == 0 {
			together = append(together, member)
		}
		for _, id := range order {
			v := past[id]
			continues := id.Number > last.Number && slices.ContainsFunc(together, v.Has)
			if id == last || continues {
				missed[member] = append(missed[member], id)
				together = append(together, v.Members...)
			}
		}
	}
	return missed
}
