package reconcile

import (
	"maps"
	"slices"
	"sync"

	"confab/internal/protocol"
	"confab/internal/view"
)

// gaps returns the members that lack frames from before the log with which the room
// continues. The reason: the furthest member may have entered the room lately. Then its log
// has only the latest frames, and another member may lack older ones.
func (g *gathered) gaps(v *view.View) (members []string) {
	floor := g.states[g.deepest].Floor
	for _, member := range v.Members {
		s := g.states[member]
		switch {
		case v.Interest && s.Interest == 0: // It has no clients of the room.
		case s.Delivered == view.Point{}: // It has missed nothing.
		case s.Delivered.Compare(floor) < 0:
			members = append(members, member)
		}
	}
	return members
}

// reaching returns the member that has delivered most, among those whose log continues from
// a place, except some members. It is "" if there is none.
func (g *gathered) reaching(at view.Point, without map[string]bool) (member string) {
	for _, id := range slices.Sorted(maps.Keys(g.states)) {
		s := g.states[id]
		if without[id] || s.Floor.Compare(at) > 0 || s.Delivered.Compare(at) <= 0 {
			continue
		}
		if member == "" || s.Delivered.Compare(g.states[member].Delivered) > 0 {
			member = id
		}
	}
	return member
}

// bridge gets members the frames between their last delivered one and the log with which
// the room continues, from other members whose logs have them. It records that in the
// states of the members, and returns false if the view has ended.
func (g *gathering) bridge() bool {
	var bridging sync.WaitGroup
	limit := make(chan struct{}, fetchers)
	for _, room := range g.behind {
		for _, member := range room.gaps(&g.view) {
			limit <- struct{}{}
			bridging.Go(func() {
				defer func() { <-limit }()
				g.bridgeOne(room, member)
			})
		}
	}
	bridging.Wait()
	return g.ctx.Err() == nil
}

// bridgeOne gives a member these frames in one room, if its history is the same.
func (g *gathering) bridgeOne(room *gathered, member string) {
	g.mu.Lock()
	states := maps.Clone(room.states)
	g.mu.Unlock()
	known := &gathered{states: states}
	s, floor := states[member], states[room.deepest].Floor
	q := protocol.RoomQuestion{Room: room.room, After: s.Delivered, PassedOver: s.PassedOver}
	var pieces []protocol.History
	for other := map[string]bool{member: true}; q.After.Compare(floor) < 0; {
		from := known.reaching(q.After, other)
		if from == "" {
			return // No member has all frames in between.
		}
		q.Until = states[from].Delivered
		h, ok := g.askHistoryAgain(from, q, g.missed[member])
		if !ok {
			return
		}
		if !h.Keep || len(h.Frames) == 0 {
			other[from] = true // The history of from is another one.
			continue
		}
		pieces = append(pieces, h)
		q.After, q.PassedOver = h.Last(), h.Deliver >= len(h.Frames)
	}
	q.Until = q.After
	if h, ok := g.askHistoryAgain(room.deepest, q, nil); !ok || !h.Keep {
		return // The room continues with another history than the member's.
	}
	for _, h := range pieces {
		for !g.send(member, []protocol.History{h}) {
			if !g.pause() {
				return
			}
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s.Delivered, s.PassedOver = q.After, q.PassedOver
	room.states[member] = s
}

// askHistoryAgain asks a member for a piece of one room's log until it answers. It returns
// false if the view has ended.
func (g *gathering) askHistoryAgain(member string, q protocol.RoomQuestion, missed []view.ID) (protocol.History, bool) {
	for {
		if h, ok := g.askHistory(member, q, missed); ok {
			return h, true
		}
		if !g.pause() {
			return protocol.History{}, false
		}
	}
}
