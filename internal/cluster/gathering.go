package cluster

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

const (
	historyRooms = 1000 // that one question for histories names
	fetchers     = 4    // questions for histories at a time
)

// gathering makes a node the home of its rooms in a view: it asks every member how
// far it is, gets what this node lacks, gives the others what they lack, and opens
// the view with the mark of its stream. It ends when the view does.
type gathering struct {
	node *Node
	ctx  context.Context // the view's
	view view.View

	// mu guards what follows while several members are asked at a time.
	mu     sync.Mutex
	rooms  map[string]*gathered
	was    map[string]view.ID // the last view that was open, by member
	past   map[view.ID]view.View
	known  []view.ID            // views that this node had
	behind []*gathered          // the rooms in which not all members are equally far
	missed map[string][]view.ID // by member
}

func newGathering(ctx context.Context, n *Node, v view.View) *gathering {
	g := &gathering{node: n, ctx: ctx, view: v, rooms: map[string]*gathered{}, was: map[string]view.ID{}, past: map[view.ID]view.View{}}
	for _, v := range n.past {
		g.past[v.ID] = v
		g.known = append(g.known, v.ID)
	}
	return g
}

func (g *gathering) run() {
	began := time.Now()
	var asking sync.WaitGroup
	for _, member := range g.view.Members {
		asking.Go(func() { g.ask(member) })
	}
	asking.Wait()
	if g.ctx.Err() != nil {
		return
	}
	openForAll(g.was, g.past)
	g.behind = compareStates(g.node.o.ID, &g.view, g.rooms, g.was)
	g.missed = missedViews(g.was, g.past)
	if g.level() && g.bridge() && g.catchUp() && g.deepen() && g.completeOthers() {
		g.open(began)
	}
}

// ask gets the states of a member.
func (g *gathering) ask(member string) {
	for q := (protocol.StateQuestion{View: g.view.ID, Home: g.node.o.ID, Known: g.known}); g.ctx.Err() == nil; {
		var a protocol.StateAnswer
		if member == g.node.o.ID {
			a = requests{g.node}.state(q)
		} else {
			a, _ = request[protocol.StateAnswer](g.ctx, g.node, member, protocol.KindState, q) // Without an answer, it is not OK.
		}
		if !a.OK {
			pause(g.ctx, protocol.RetryWait)
			continue
		}
		g.add(member, q.After == "", a)
		if !a.More {
			return
		}
		q.After = a.Rooms[len(a.Rooms)-1].Room
	}
}

func (g *gathering) add(member string, first bool, a protocol.StateAnswer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if first {
		g.was[member] = a.Was
	}
	for _, v := range a.Past {
		g.past[v.ID] = v
	}
	for _, s := range a.Rooms {
		room := g.rooms[s.Room]
		if room == nil {
			room = &gathered{room: s.Room, states: map[string]protocol.RoomState{}}
			g.rooms[s.Room] = room
		}
		room.states[member] = s
	}
}

// open delivers what this node holds of its rooms, and sends the mark.
func (g *gathering) open(began time.Time) {
	n := g.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != g.view.ID {
		return
	}
	for id, room := range g.rooms {
		if l := n.logs.Find(id); l != nil {
			n.logs.DeliverHeld(l)
		}
		for member, s := range room.states {
			if s.Interest > 0 && member != n.o.ID {
				n.view.noteInterest(id, member, s.Interest)
			}
		}
	}
	n.view.open()
	if len(g.view.Members) > 1 {
		streams{n}.markLocked()
	}
	n.log.LogAttrs(n.ctx, slog.LevelDebug, "Rooms of this node opened", slog.Uint64("view", g.view.ID.Number),
		slog.Int("rooms", len(g.rooms)), slog.Int("completed", len(g.behind)), slog.String("took", time.Since(began).String()))
	n.signalLocked()
}
