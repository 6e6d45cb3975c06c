package reconcile

import (
	"slices"
	"sync"
	"time"

	"confab/internal/protocol"
	"confab/internal/roomlog"
	"confab/internal/view"
)

// catchUp gets the frames that this node lacks, for many rooms at a time: a node may become
// the home of thousands of rooms. It returns false if the view has ended.
func (g *gathering) catchUp() bool {
	from := map[string][]protocol.RoomQuestion{}
	for _, room := range g.behind {
		if room.source != "" {
			s := room.states[g.self]
			from[room.source] = append(from[room.source], protocol.RoomQuestion{Room: room.room, After: s.Delivered, PassedOver: s.PassedOver, Whole: room.whole, Young: room.young})
		}
	}
	limit := make(chan struct{}, fetchers)
	var fetching sync.WaitGroup
	for source, all := range from {
		for rooms := range slices.Chunk(all, historyRooms) {
			limit <- struct{}{}
			fetching.Go(func() {
				defer func() { <-limit }()
				g.fetch(source, rooms)
			})
		}
	}
	fetching.Wait()
	return g.ctx.Err() == nil
}

// fetch gets the frames that this node lacks in some rooms, from a member that has them.
func (g *gathering) fetch(source string, rooms []protocol.RoomQuestion) {
	for len(rooms) > 0 && g.ctx.Err() == nil {
		q := protocol.HistoryQuestion{View: g.view.ID, Missed: g.missed[g.self], Rooms: rooms}
		a := g.node.History(g.ctx, source, q)
		if !a.OK {
			g.pause()
			continue
		}
		g.node.Locked(g.view.ID, func(logs *roomlog.Logs) { rooms = g.adopt(logs, a.Histories, rooms) })
	}
}

// adopt takes over the answer to a question about some rooms, and returns the questions
// that remain.
func (g *gathering) adopt(logs *roomlog.Logs, answer []protocol.History, rooms []protocol.RoomQuestion) []protocol.RoomQuestion {
	now := time.Now()
	for _, h := range answer {
		if len(rooms) == 0 || h.Room != rooms[0].Room {
			break // This is not the answer to the question.
		}
		g.node.Adopt(h, now)
		if h.More {
			l := logs.Room(h.Room, now)
			rooms[0].After, rooms[0].PassedOver, rooms[0].Young = l.Delivered(), l.PassedOver(), false
			break
		}
		rooms = rooms[1:]
	}
	return rooms
}

// completeOthers gives the other members what they lack. It returns false if the view has
// ended.
func (g *gathering) completeOthers() bool {
	lacking := map[string][]*gathered{}
	for _, room := range g.behind {
		for _, member := range room.lagging {
			lacking[member] = append(lacking[member], room)
		}
	}
	var completing sync.WaitGroup
	for member, rooms := range lacking {
		completing.Go(func() { g.completeMember(member, rooms) })
	}
	completing.Wait()
	return g.ctx.Err() == nil
}

// completeMember gives a member what it lacks, in several messages if needed.
func (g *gathering) completeMember(member string, rooms []*gathered) {
	sent := map[string]protocol.RoomState{} // how far the member is in rooms that are sent in pieces
	for len(rooms) > 0 && g.ctx.Err() == nil {
		var all []protocol.History
		size, rest := 0, rooms
		for ; len(rest) > 0 && size < protocol.HistoryBytes; rest = rest[1:] {
			room := rest[0]
			at, ok := sent[room.room]
			if !ok {
				at = room.states[member]
			}
			h, ok := g.historyFor(member, room, at)
			if !ok {
				break
			}
			size += h.Size()
			all = append(all, h)
			if h.More {
				break
			}
		}
		if len(all) == 0 || !g.send(member, all) {
			g.pause()
			continue
		}
		if last := all[len(all)-1]; last.More {
			sent[last.Room] = protocol.RoomState{Delivered: last.Last(), PassedOver: last.Deliver >= len(last.Frames)}
		}
		rooms = rest
	}
}

// historyFor returns what a member lacks in a room: from this node's log or, if that begins
// too late, from the longest log.
func (g *gathering) historyFor(member string, room *gathered, at protocol.RoomState) (h protocol.History, ok bool) {
	q := protocol.RoomQuestion{Room: room.room, After: at.Delivered, PassedOver: at.PassedOver}
	if !g.node.Locked(g.view.ID, func(logs *roomlog.Logs) { h = logs.Lacking(q, g.missed[member], time.Now()) }) {
		return h, false
	}
	if h.Keep || q.After == (view.Point{}) || room.deepest == g.self {
		return h, true
	}
	return g.askHistory(room.deepest, q, g.missed[member])
}
