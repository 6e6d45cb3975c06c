package cluster

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	stateRooms = 2000 // in one answer
	// historyRooms is of how many rooms is asked together.
	historyRooms = 1000
	openRetry    = 20 * time.Millisecond
	fetchers     = 4
	pastViews    = 16 // that a node remembers
)

// open makes this node the home of its rooms in the view: it gathers what each
// member has of them, gets what it lacks, gives the others what they lack, and
// then sends the mark that opens its stream. It gives up when the view ends.
func (n *Node) open(ctx context.Context, v View) {
	began := time.Now()
	var mu sync.Mutex // guards rooms, was and past
	rooms := map[string]*gathered{}
	was, past := map[string]ViewID{}, map[ViewID]View{}
	var asking sync.WaitGroup
	for _, member := range v.Members {
		asking.Go(func() {
			for q := (stateQuestion{View: v.ID, Home: n.o.ID}); ctx.Err() == nil; {
				a := n.askState(ctx, member, q)
				if !a.OK {
					pause(ctx, openRetry)
					continue
				}
				mu.Lock()
				if q.After == "" {
					was[member] = a.Was
				}
				for _, v := range a.Past {
					past[v.ID] = v
				}
				for _, s := range a.Rooms {
					g := rooms[s.Room]
					if g == nil {
						g = &gathered{room: s.Room, states: map[string]roomState{}}
						rooms[s.Room] = g
					}
					g.states[member] = s
				}
				mu.Unlock()
				if !a.More {
					return
				}
				q.After = a.Rooms[len(a.Rooms)-1].Room
			}
		})
	}
	asking.Wait()
	if ctx.Err() != nil {
		return
	}
	openForAll(was, past)
	behind := n.compare(v, rooms, was)
	missed := missedViews(was, past)
	if !n.level(ctx, v, behind, was, missed) || !n.catchUp(ctx, v, behind, missed) || !n.completeOthers(ctx, v, behind, missed) {
		return
	}

	n.mu.Lock()
	defer n.mu.Unlock()
	if n.view.ID != v.ID {
		return
	}
	for id := range rooms {
		if l := n.rooms[id]; l != nil {
			n.deliverHeld(l)
		}
	}
	n.out.open = true
	if len(v.Members) > 1 {
		n.send(nil, nil)
	}
	n.log.LogAttrs(n.ctx, slog.LevelDebug, "This node's rooms are open", slog.Uint64("view", v.ID.Number),
		slog.Int("rooms", len(rooms)), slog.Int("completed", len(behind)), slog.String("took", time.Since(began).String()))
	n.signal()
}
