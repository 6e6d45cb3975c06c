package reconcile

import (
	"sync"

	"confab/internal/protocol"
	"confab/internal/view"
)

// level makes members that were together in their last view deliver the same frames of each
// room, before the room changes to the history of another side of a partition: each of them
// gets what any of them has delivered. It records that in the states of the members, and
// returns false if the view has ended.
func (g *gathering) level() bool {
	var levelling sync.WaitGroup
	limit := make(chan struct{}, fetchers)
	for _, room := range g.behind {
		for member, ahead := range room.unlevel(&g.view, g.was, g.past) {
			limit <- struct{}{}
			levelling.Go(func() {
				defer func() { <-limit }()
				for len(ahead) > 0 && !g.levelOne(room, member, ahead[0]) {
					ahead = ahead[1:]
				}
			})
		}
	}
	levelling.Wait()
	return g.ctx.Err() == nil
}

// levelOne gives a member what another has delivered of a room. It returns false if that is
// another history.
func (g *gathering) levelOne(room *gathered, member, from string) bool {
	g.mu.Lock()
	s, until := room.states[member], room.states[from].Delivered
	g.mu.Unlock()
	q := protocol.RoomQuestion{Room: room.room, After: s.Delivered, PassedOver: s.PassedOver, Until: until}
	for ; g.ctx.Err() == nil; g.pause() {
		h, ok := g.askHistory(from, q, g.missed[member])
		if !ok {
			continue
		}
		if !h.Keep && h.After != (view.Point{}) {
			return false
		}
		if !g.send(member, []protocol.History{h}) {
			continue
		}
		if !h.More {
			break
		}
		q.After = h.Last()
	}
	if g.ctx.Err() != nil {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s = room.states[member]
	s.Delivered, s.PassedOver = until, false
	room.states[member] = s
	return true
}

// askHistory asks a member for a piece of one room's log.
func (g *gathering) askHistory(member string, room protocol.RoomQuestion, missed []view.ID) (protocol.History, bool) {
	q := protocol.HistoryQuestion{View: g.view.ID, Missed: missed, Rooms: []protocol.RoomQuestion{room}}
	a := g.node.History(g.ctx, member, q)
	if !a.OK || len(a.Histories) == 0 {
		return protocol.History{}, false
	}
	return a.Histories[0], true
}

// send completes a member's rooms, and reports whether it has the histories.
func (g *gathering) send(member string, all []protocol.History) bool {
	return g.node.Complete(g.ctx, member, protocol.CompleteQuestion{View: g.view.ID, Histories: all}).OK
}
