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
	bestAt  view.Point                    // the last point of the furthest member
	deepest string                        // of the furthest members, the one with the longest log
	source  string                        // the member that has what the home lacks; "" if it lacks nothing
	whole   bool                          // it has the last frame, and lacks only earlier ones
	young   bool                          // it lacks frames before its log
	lagging []string                      // the members that lack something
}

// compareStates returns the rooms in which not all members have the same frames. self is
// the home. was has the last view that was open at each member.
func compareStates(self string, v *view.View, rooms map[string]*gathered, was map[string]view.ID) (behind []*gathered) {
	for _, g := range rooms {
		// One member that has a frame in the latest view of the room is enough: a client
		// may have received it.
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
		// Frames that are held here are delivered when the home opens. The log of another
		// node cannot replace them.
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
// nothing; it asks for frames when it becomes the home. In a view with interest, only
// keepers need all frames. Other members need the frames for their sessions, and need to
// lose frames that they hold if the room continues without these.
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
// view, if the room does not continue with the history of that view. Each comes with those
// others, the one that has delivered most first.
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
			// The furthest member may have continued in a view of its own that was open at
			// no other node.
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

// openForAll changes was: a view that was open at one of its members counts as open at all
// of them. Each member had committed it, was asked what it had, and got what it lacked. A
// member that had not received all marks when the next view came did not miss anything.
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

// missedViews returns for each member the views whose frames it has to get: the last view
// that was open there, and all later views with a member of those views. If a member was
// left behind, what those members have delivered continues its own history. A side of a
// partition that it did not reach has another history. A new member has missed nothing,
// except in views of which it was a member and in which some of its homes had not opened.
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
