package reconcile

import (
	"sync"
	"time"

	"confab/internal/protocol"
	"confab/internal/roomlog"
	"confab/internal/view"
)

// deepen gets this node earlier frames, from members whose logs reach further back than the
// log with which the room continues. Clients may repeat the operations of these frames as
// soon as the room is open, and this node must recognize them. It returns false if the view
// has ended.
func (g *gathering) deepen() bool {
	var deepening sync.WaitGroup
	limit := make(chan struct{}, fetchers)
	for _, room := range g.behind {
		if !room.states[room.deepest].Young {
			continue // That log has them, so this node's log has them, too.
		}
		var floor view.Point
		var young bool
		g.node.Locked(g.view.ID, func(logs *roomlog.Logs) { floor, young = logs.Begins(room.room, time.Now()) })
		from := ""
		if young {
			from = room.reachingBack(floor, g.self)
		}
		if from == "" {
			continue
		}
		limit <- struct{}{}
		deepening.Go(func() {
			defer func() { <-limit }()
			q := protocol.RoomQuestion{Room: room.room, After: floor, Until: floor, Young: true}
			h, ok := g.askHistoryAgain(from, q, nil)
			if !ok {
				return
			}
			g.node.Locked(g.view.ID, func(logs *roomlog.Logs) { logs.Prepend(h, time.Now()) })
		})
	}
	deepening.Wait()
	return g.ctx.Err() == nil
}

// reachingBack returns the member, other than self, whose log contains the place at and
// begins furthest before it. It is "" if there is none.
func (g *gathered) reachingBack(at view.Point, self string) (member string) {
	for id, s := range g.states {
		if id == self || s.Floor.Compare(at) >= 0 || s.Delivered.Compare(at) < 0 {
			continue
		}
		if c := s.Floor.Compare(g.states[member].Floor); member == "" || c < 0 || c == 0 && id < member {
			member = id
		}
	}
	return member
}
