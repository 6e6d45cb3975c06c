package cluster

import (
	"cmp"
	"context"
	"maps"
	"slices"
)

// stateQuestion asks a member for the rooms whose home is Home in View, from the
// one behind After on.
type stateQuestion struct {
	View  ViewID `json:"view"`
	Home  string `json:"home"`
	After string `json:"after"`
}

type stateAnswer struct {
	// OK is false while the member is not in the view.
	OK bool `json:"ok"`
	// Was is the last view that was open at the member, and Past are its latest
	// views; only the first answer has them.
	Was   ViewID      `json:"was,omitzero"`
	Past  []View      `json:"past,omitzero"`
	Rooms []roomState `json:"rooms,omitzero"`
	More  bool        `json:"more,omitzero"`
}

// roomState is how far a member is in a room.
type roomState struct {
	Room      string `json:"room"`
	Last      point  `json:"last"`
	Delivered point  `json:"delivered,omitzero"`
	// PassedOver says that the member's clients did not hear what is up to
	// Delivered.
	PassedOver bool `json:"passed_over,omitzero"`
	// Floor is where the member's log begins, and Young says that it does not
	// reach back to all operations that may be asked for again.
	Floor point `json:"floor,omitzero"`
	Young bool  `json:"young,omitzero"`
}

// gathered is what members said of a room.
type gathered struct {
	room    string
	states  map[string]roomState // by member
	bestAt  point                // how far the furthest is
	deepest string               // who of those has the longest log
	source  string               // who has what this node lacks; "" when it lacks nothing
	whole   bool                 // it lacks only the log
	young   bool                 // its log lacks what is behind it, too
	lagging []string
}

func (n *Node) askState(ctx context.Context, member string, q stateQuestion) stateAnswer {
	if member == n.o.ID {
		return n.state(q)
	}
	a, err := request[stateAnswer](ctx, n, member, kindState, q)
	if err != nil {
		return stateAnswer{}
	}
	return a
}

// state answers how far this node is.
func (n *Node) state(q stateQuestion) stateAnswer {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := stateAnswer{OK: n.view.ID == q.View}
	if !a.OK {
		return a
	}
	if q.After == "" {
		a.Was, a.Past = n.previous, n.past
	}
	for id, l := range n.rooms {
		if id > q.After && l.last != (point{}) && n.view.home(id) == q.Home {
			a.Rooms = append(a.Rooms, roomState{Room: id, Last: l.last, Delivered: l.delivered(), PassedOver: l.passedOver(), Floor: l.floor, Young: l.young()})
		}
	}
	slices.SortFunc(a.Rooms, func(x, y roomState) int { return cmp.Compare(x.Room, y.Room) })
	if len(a.Rooms) > stateRooms {
		a.Rooms, a.More = a.Rooms[:stateRooms], true
	}
	return a
}

// compare returns the rooms in which not all members are equally far.
func (n *Node) compare(v View, rooms map[string]*gathered, was map[string]ViewID) (behind []*gathered) {
	for _, g := range rooms {
		// A frame that one member has in the latest view of the room counts:
		// somebody may have seen it.
		for _, member := range v.Members {
			s := g.states[member]
			c := s.Last.compare(g.bestAt)
			if c > 0 || c == 0 && s.Floor.compare(g.states[g.deepest].Floor) < 0 {
				g.deepest, g.bestAt = member, s.Last
			}
		}
		own, deepest := g.states[n.o.ID], g.states[g.deepest]
		g.whole = own.Last == g.bestAt
		g.young = own.Young && deepest.Floor.compare(own.Floor) < 0
		// What is held here is delivered when the home opens; it has no place in a
		// log that another node has.
		if !g.whole || g.young && own.Delivered == own.Last {
			g.source = g.deepest
		}
		for _, member := range v.Members {
			// A new member has missed nothing; it asks when it becomes the home.
			s := g.states[member]
			if s.Last != g.bestAt && member != n.o.ID && (s.Last != (point{}) || was[member].Number > 0) {
				g.lagging = append(g.lagging, member)
			}
		}
		if g.source != "" || len(g.lagging) > 0 {
			behind = append(behind, g)
		}
	}
	return behind
}

// openForAll takes a view that was open at one of its members for open at all: each
// had committed it, was asked what it had and given what it lacked. Who has yet to
// get the marks of its homes when the next view comes was not left behind.
func openForAll(was map[string]ViewID, past map[ViewID]View) {
	for _, last := range maps.Clone(was) {
		v := past[last]
		for member := range was {
			if v.has(member) && last.compare(was[member]) > 0 {
				was[member] = last
			}
		}
	}
}

// missedViews returns for every member the views whose frames it has to get as
// far as it lacks them: the last that was open there, and all in which somebody
// of that view went on. To a member that was left behind, what those have
// delivered is the continuation of its own history; a part of the cluster that
// it could not hear has another. A new member has missed nothing but what came in
// views of which it was a member without all of their homes.
func missedViews(was map[string]ViewID, past map[ViewID]View) map[string][]ViewID {
	order := slices.SortedFunc(maps.Keys(past), ViewID.compare)
	missed := map[string][]ViewID{}
	for member, last := range was {
		together := []string{}
		if last.Number == 0 {
			together = append(together, member)
		}
		for _, id := range order {
			v := past[id]
			goesOn := id.Number > last.Number && slices.ContainsFunc(together, v.has)
			if id == last || goesOn {
				missed[member] = append(missed[member], id)
				together = append(together, v.Members...)
			}
		}
	}
	return missed
}
