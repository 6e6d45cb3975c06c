package reconcile

import (
	"context"
	"sync"
	"time"

	"confab/internal/protocol"
	"confab/internal/roomlog"
	"confab/internal/view"
)

const (
	historyRooms = 1000 // rooms in one question for histories
	fetchers     = 4    // questions for histories at a time
)

// Node is what a gathering needs of its node.
type Node interface {
	// State, History and Complete ask a member of the view, which may be the node itself.
	// Without an answer, the result is not OK.
	State(ctx context.Context, of string, q protocol.StateQuestion) protocol.StateAnswer
	History(ctx context.Context, of string, q protocol.HistoryQuestion) protocol.HistoryAnswer
	Complete(ctx context.Context, of string, q protocol.CompleteQuestion) protocol.CompleteAnswer
	// Locked calls f with the node's logs and reports true. Nothing else uses the logs
	// meanwhile. If the node is in another view, it reports false and does not call f.
	Locked(in view.ID, f func(*roomlog.Logs)) bool
	// Adopt makes a history the log of its room, and delivers what is new. It must be called
	// in Locked.
	Adopt(h protocol.History, now time.Time)
}

// gathering makes a node the home of its rooms in a view: it asks every member how far it
// is, gets what this node lacks, and gives the others what they lack.
type gathering struct {
	node Node
	self string
	ctx  context.Context // the view's
	view view.View

	// mu guards the fields below while several members are asked at the same time.
	mu     sync.Mutex
	rooms  map[string]*gathered
	was    map[string]view.ID // the last view that was open, by member
	past   map[view.ID]view.View
	known  []view.ID            // the views that this node had
	behind []*gathered          // the rooms in which not all members are equally far
	missed map[string][]view.ID // by member
}

// Rooms are the rooms of a home in a new view.
type Rooms struct {
	// States are how far the members were, by room and member.
	States map[string]map[string]protocol.RoomState
	// Completed counts the rooms in which not all were equally far.
	Completed int
}

// Run has all members of a view deliver the same frames of the rooms whose home is self, and
// returns these rooms. past are the views that self had. ok is false if ctx has ended, which
// ends with the view.
func Run(ctx context.Context, node Node, self string, v view.View, past []view.View) (all Rooms, ok bool) {
	g := &gathering{
		node: node, self: self, ctx: ctx, view: v,
		rooms: map[string]*gathered{}, was: map[string]view.ID{}, past: map[view.ID]view.View{},
	}
	for _, v := range past {
		g.past[v.ID] = v
		g.known = append(g.known, v.ID)
	}
	var asking sync.WaitGroup
	for _, member := range g.view.Members {
		asking.Go(func() { g.ask(member) })
	}
	asking.Wait()
	if g.ctx.Err() != nil {
		return all, false
	}
	openForAll(g.was, g.past)
	g.behind = compareStates(g.self, &g.view, g.rooms, g.was)
	g.missed = missedViews(g.was, g.past)
	if !g.level() || !g.bridge() || !g.catchUp() || !g.deepen() || !g.completeOthers() {
		return all, false
	}
	all = Rooms{States: map[string]map[string]protocol.RoomState{}, Completed: len(g.behind)}
	for id, room := range g.rooms {
		all.States[id] = room.states
	}
	return all, true
}

// ask gets the states of a member's rooms.
func (g *gathering) ask(member string) {
	for q := (protocol.StateQuestion{View: g.view.ID, Home: g.self, Known: g.known}); g.ctx.Err() == nil; {
		a := g.node.State(g.ctx, member, q)
		if !a.OK {
			g.pause()
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

// pause waits before a question is repeated. It returns false if the view has ended.
func (g *gathering) pause() bool {
	t := time.NewTimer(protocol.RetryWait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-g.ctx.Done():
		return false
	}
}
