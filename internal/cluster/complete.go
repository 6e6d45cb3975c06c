package cluster

import (
	"context"
	"slices"
	"sync"
)

// historyQuestion asks for what a member lacks of a room.
type historyQuestion struct {
	View ViewID `json:"view"`
	// Missed are the views of which the member lacks the frames.
	Missed []ViewID       `json:"missed,omitzero"`
	Rooms  []roomQuestion `json:"rooms"`
}

// roomQuestion asks for what a member lacks of one room.
type roomQuestion struct {
	Room string `json:"room"`
	// After is the last frame that the member has delivered, or passed over.
	After      point `json:"after,omitzero"`
	PassedOver bool  `json:"passed_over,omitzero"`
	// Until is the last frame to send; zero is the last there is.
	Until point `json:"until,omitzero"`
	// Whole asks for the recent log itself: nothing is missing behind After. Young
	// asks for it besides.
	Whole bool `json:"whole,omitzero"`
	Young bool `json:"young,omitzero"`
}

type historyAnswer struct {
	OK bool `json:"ok"`
	// Histories are of the first of the question's rooms, in their order, as many
	// as fit.
	Histories []history `json:"histories"`
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
			from[g.source] = append(from[g.source], roomQuestion{Room: g.room, After: s.Delivered, PassedOver: s.PassedOver, Whole: g.whole, Young: g.young})
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
		a, err := request[historyAnswer](ctx, n, source, kindHistory, historyQuestion{View: v.ID, Missed: missed, Rooms: rooms})
		if err != nil || !a.OK {
			pause(ctx, openRetry)
			continue
		}
		n.mu.Lock()
		if n.view.ID != v.ID {
			n.mu.Unlock()
			return
		}
		for _, h := range a.Histories {
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
				a, err := request[completeAnswer](ctx, n, member, kindComplete, q)
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
	q := roomQuestion{Room: g.room, After: at.Delivered, PassedOver: at.PassedOver}
	n.mu.Lock()
	h = n.lacking(q, missed)
	n.mu.Unlock()
	if h.Keep || q.After == (point{}) || g.deepest == n.o.ID {
		return h, true
	}
	return n.askHistory(ctx, g.deepest, historyQuestion{View: v.ID, Missed: missed, Rooms: []roomQuestion{q}})
}

// history answers a home that lacks frames.
func (n *Node) history(q historyQuestion) historyAnswer {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != q.View {
		return historyAnswer{}
	}
	a := historyAnswer{OK: true}
	size := 0
	for _, room := range q.Rooms {
		h := n.lacking(room, q.Missed)
		a.Histories = append(a.Histories, h)
		if size += h.size(); size >= historyBytes || h.More {
			break
		}
	}
	return a
}

func (n *Node) lacking(q roomQuestion, missed []ViewID) history {
	if q.Whole {
		return n.room(q.Room).whole(q.After)
	}
	h := n.room(q.Room).since(q.After, missed, q.PassedOver, q.Young)
	if q.Until != (point{}) {
		h.cut(q.Until)
	}
	return h
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
