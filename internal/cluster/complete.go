package cluster

import (
	"context"
	"slices"
	"sync"
)

// historyQuestion asks for what a member lacks of a room.
type historyQuestion struct {
	View  ViewID `json:"view"`
	Room  string `json:"room"`
	After point  `json:"after,omitzero"`
	// Until is the last frame to send; zero is the last there is.
	Until point `json:"until,omitzero"`
	// Missed are the views of which the member lacks what is behind After.
	Missed     []ViewID `json:"missed,omitzero"`
	PassedOver bool     `json:"passed_over,omitzero"`
	// Whole asks for the recent log itself: nothing is lacking behind After. Young
	// asks for it besides.
	Whole bool `json:"whole,omitzero"`
	Young bool `json:"young,omitzero"`
	// Rooms are more rooms, of which the answer has as many as fit.
	Rooms []roomQuestion `json:"rooms,omitzero"`
}

// roomQuestion is what of a historyQuestion is different in each room.
type roomQuestion struct {
	Room       string `json:"room"`
	After      point  `json:"after,omitzero"`
	PassedOver bool   `json:"passed_over,omitzero"`
	Whole      bool   `json:"whole,omitzero"`
	Young      bool   `json:"young,omitzero"`
}

type historyAnswer struct {
	OK      bool    `json:"ok"`
	History history `json:"history"`
	// Histories are of the first of the question's Rooms, in their order.
	Histories []history `json:"histories,omitzero"`
}

type completeQuestion struct {
	View      ViewID    `json:"view"`
	Histories []history `json:"histories"`
}

type completeAnswer struct {
	OK bool `json:"ok"`
}

// catchUp gets what this node lacks of its rooms: of many rooms at once, as a node
// may become the home of thousands. It returns false when the view ended.
func (n *Node) catchUp(ctx context.Context, v View, behind []*gathered, missed map[string][]ViewID) bool {
	from := map[string][]roomQuestion{}
	for _, g := range behind {
		if g.source != "" {
			s := g.states[n.o.ID]
			from[g.source] = append(from[g.source], roomQuestion{g.room, s.Delivered, s.PassedOver, g.whole, g.young})
		}
	}
	limit := make(chan struct{}, fetchers)
	var fetching sync.WaitGroup
	for source, all := range from {
		for rooms := range slices.Chunk(all, historyRooms) {
			limit <- struct{}{}
			fetching.Go(func() {
				defer func() { <-limit }()
				n.fetch(ctx, v, source, rooms, missed[n.o.ID])
			})
		}
	}
	fetching.Wait()
	return ctx.Err() == nil
}

// fetch gets what this node lacks of some rooms from a member that has it.
func (n *Node) fetch(ctx context.Context, v View, source string, rooms []roomQuestion, missed []ViewID) {
	for len(rooms) > 0 && ctx.Err() == nil {
		a, err := request[historyAnswer](ctx, n, source, "history", historyQuestion{
			View: v.ID, Missed: missed,
			Room: rooms[0].Room, After: rooms[0].After, PassedOver: rooms[0].PassedOver,
			Whole: rooms[0].Whole, Young: rooms[0].Young, Rooms: rooms[1:],
		})
		if err != nil || !a.OK {
			pause(ctx, openRetry)
			continue
		}
		n.mu.Lock()
		if n.view.ID != v.ID {
			n.mu.Unlock()
			return
		}
		for _, h := range append([]history{a.History}, a.Histories...) {
			if len(rooms) == 0 || h.Room != rooms[0].Room {
				break // Of what was asked, in its order, or of nobody.
			}
			n.o.Metrics.ClusterFramesCompleted.Add(float64(n.adopt(h)))
			if h.More {
				l := n.room(h.Room)
				rooms[0].After, rooms[0].PassedOver, rooms[0].Young = l.delivered(), l.passedOver(), false
				break
			}
			rooms = rooms[1:]
		}
		n.mu.Unlock()
	}
}

// completeOthers gives the other members what they lack. It returns false when
// the view ended.
func (n *Node) completeOthers(ctx context.Context, v View, behind []*gathered, missed map[string][]ViewID) bool {
	lacking := map[string][]*gathered{}
	for _, g := range behind {
		for _, member := range g.lagging {
			lacking[member] = append(lacking[member], g)
		}
	}
	var telling sync.WaitGroup
	for member, rooms := range lacking {
		telling.Go(func() {
			told := map[string]roomState{} // of rooms that are told in pieces
			for len(rooms) > 0 && ctx.Err() == nil {
				q := completeQuestion{View: v.ID}
				size, rest := 0, rooms
				for ; len(rest) > 0 && size < historyBytes; rest = rest[1:] {
					g := rest[0]
					at, ok := told[g.room]
					if !ok {
						at = g.states[member]
					}
					h, ok := n.historyFor(ctx, v, g, at, missed[member])
					if !ok {
						break
					}
					size += h.size()
					q.Histories = append(q.Histories, h)
					if h.More {
						break
					}
				}
				a, err := request[completeAnswer](ctx, n, member, "complete", q)
				if err != nil || !a.OK || len(q.Histories) == 0 {
					pause(ctx, openRetry)
					continue
				}
				if last := q.Histories[len(q.Histories)-1]; last.More {
					told[last.Room] = roomState{Delivered: last.last(), PassedOver: last.Deliver >= len(last.Frames)}
				}
				rooms = rest
			}
		})
	}
	telling.Wait()
	return ctx.Err() == nil
}

// historyFor returns what a member lacks of a room, from this node's log or, where
// that begins too late, from the longest.
func (n *Node) historyFor(ctx context.Context, v View, g *gathered, at roomState, missed []ViewID) (h history, ok bool) {
	q := historyQuestion{View: v.ID, Room: g.room, After: at.Delivered, Missed: missed, PassedOver: at.PassedOver}
	n.mu.Lock()
	h = n.room(g.room).since(q.After, q.Missed, q.PassedOver, false)
	n.mu.Unlock()
	if h.Keep || q.After == (point{}) || g.deepest == n.o.ID {
		return h, true
	}
	a, err := request[historyAnswer](ctx, n, g.deepest, "history", q)
	return a.History, err == nil && a.OK
}

// history answers a home that lacks frames.
func (n *Node) history(q historyQuestion) historyAnswer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View {
		return historyAnswer{}
	}
	a := historyAnswer{OK: true, History: n.lacking(roomQuestion{q.Room, q.After, q.PassedOver, q.Whole, q.Young}, q.Missed)}
	if q.Until != (point{}) {
		a.History.cut(q.Until)
	}
	size := a.History.size()
	for more := a.History.More; len(q.Rooms) > 0 && size < historyBytes && !more; q.Rooms = q.Rooms[1:] {
		h := n.lacking(q.Rooms[0], q.Missed)
		size, more = size+h.size(), h.More
		a.Histories = append(a.Histories, h)
	}
	return a
}

func (n *Node) lacking(q roomQuestion, missed []ViewID) history {
	if q.Whole {
		return n.room(q.Room).whole(q.After)
	}
	return n.room(q.Room).since(q.After, missed, q.PassedOver, q.Young)
}

// complete takes what a home says this node lacks.
func (n *Node) complete(q completeQuestion) completeAnswer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View {
		return completeAnswer{}
	}
	for _, h := range q.Histories {
		n.o.Metrics.ClusterFramesCompleted.Add(float64(n.adopt(h)))
	}
	return completeAnswer{OK: true}
}
