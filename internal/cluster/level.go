package cluster

import (
	"context"
	"sync"
)

// level has members that were together in their last view deliver the same of
// each room, before they go over to the history of another part: what one of
// them has delivered, all have. It notes that in the states of the members, and
// returns false when the view ended.
func (n *Node) level(ctx context.Context, v View, behind []*gathered, was map[string]ViewID, missed map[string][]ViewID) bool {
	var mu sync.Mutex // guards the states of the rooms from here on
	var levelling sync.WaitGroup
	limit := make(chan struct{}, fetchers)
	for _, g := range behind {
		for _, pair := range g.unlevel(v, was) {
			member, from := pair[0], pair[1]
			mu.Lock()
			until := g.states[from].Delivered
			q := historyQuestion{View: v.ID, Missed: missed[member], Rooms: []roomQuestion{{
				Room: g.room, After: g.states[member].Delivered, PassedOver: g.states[member].PassedOver, Until: until,
			}}}
			mu.Unlock()
			limit <- struct{}{}
			levelling.Go(func() {
				defer func() { <-limit }()
				if n.levelOne(ctx, member, from, q) {
					mu.Lock()
					defer mu.Unlock()
					s := g.states[member]
					s.Delivered, s.PassedOver = until, false
					g.states[member] = s
				}
			})
		}
	}
	levelling.Wait()
	return ctx.Err() == nil
}

// unlevel returns the members that have delivered less of a room than another of
// their last view, each with the one that has delivered most, when that view has
// not what the room goes on with.
func (g *gathered) unlevel(v View, was map[string]ViewID) (pairs [][2]string) {
	for _, member := range v.Members {
		most := member
		for _, other := range v.Members {
			if was[other] == was[member] && g.states[other].Delivered.compare(g.states[most].Delivered) > 0 {
				most = other
			}
		}
		if most != member && was[member] != was[g.deepest] && was[member].Number > 0 {
			pairs = append(pairs, [2]string{member, most})
		}
	}
	return pairs
}

// levelOne gets a member what another has delivered of a room, and says whether
// it has that now.
func (n *Node) levelOne(ctx context.Context, member, from string, q historyQuestion) bool {
	for ; ctx.Err() == nil; pause(ctx, openRetry) {
		h, ok := n.askHistory(ctx, from, q)
		if !ok {
			continue
		}
		if !h.Keep && h.After != (point{}) {
			return false // Nobody has all that lies between.
		}
		if !n.tell(ctx, member, completeQuestion{View: q.View, Histories: []history{h}}) {
			continue
		}
		if !h.More {
			return true
		}
		q.Rooms[0].After = h.last()
	}
	return false
}

// askHistory asks a member for a piece of one room's log.
func (n *Node) askHistory(ctx context.Context, member string, q historyQuestion) (history, bool) {
	var a historyAnswer
	if member == n.o.ID {
		a = n.history(q)
	} else {
		a, _ = request[historyAnswer](ctx, n, member, kindHistory, q) // Without an answer, it is not OK.
	}
	if !a.OK || len(a.Histories) == 0 {
		return history{}, false
	}
	return a.Histories[0], true
}

// tell completes a member's rooms and says whether it has them.
func (n *Node) tell(ctx context.Context, member string, q completeQuestion) bool {
	if member == n.o.ID {
		return n.complete(q).OK
	}
	a, err := request[completeAnswer](ctx, n, member, kindComplete, q)
	return err == nil && a.OK
}
