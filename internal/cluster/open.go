package cluster

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// stateQuestion asks a member for the rooms whose home is Home in View, from the
// one behind After on.
type stateQuestion struct {
	View  ViewID `json:"view"`
	Home  string `json:"home"`
	After string `json:"after"`
}

type stateAnswer struct {
	// OK is false while the member is not in the view.
	OK bool `json:"ok"`
	// Was is the last view that was open at the member, and Past are its latest
	// views; only the first answer has them.
	Was   ViewID      `json:"was,omitzero"`
	Past  []View      `json:"past,omitzero"`
	Rooms []roomState `json:"rooms,omitzero"`
	More  bool        `json:"more,omitzero"`
}

// roomState is how far a member is in a room.
type roomState struct {
	Room      string `json:"room"`
	Last      point  `json:"last"`
	Delivered point  `json:"delivered,omitzero"`
	// PassedOver says that the member's clients did not hear what is up to
	// Delivered.
	PassedOver bool `json:"passed_over,omitzero"`
	// Floor is where the member's log begins, and Young says that it does not
	// reach back to all operations that may be asked for again.
	Floor point `json:"floor,omitzero"`
	Young bool  `json:"young,omitzero"`
}

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
	// Whole asks for the recent log itself: nothing is lacking behind After.
	Whole bool `json:"whole,omitzero"`
	// Rooms are more rooms, of which the answer has as many as fit.
	Rooms []roomQuestion `json:"rooms,omitzero"`
}

// roomQuestion is what of a historyQuestion is different in each room.
type roomQuestion struct {
	Room       string `json:"room"`
	After      point  `json:"after,omitzero"`
	PassedOver bool   `json:"passed_over,omitzero"`
	Whole      bool   `json:"whole,omitzero"`
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

const (
	stateRooms = 2000 // in one answer
	// historyRooms is of how many rooms is asked together.
	historyRooms = 1000
	openRetry    = 20 * time.Millisecond
	fetchers     = 4
	pastViews    = 16 // that a node remembers
)

// gathered is what members said of a room.
type gathered struct {
	room    string
	states  map[string]roomState // by member
	bestAt  point                // how far the furthest is
	deepest string               // who of those has the longest log
	source  string               // who has what this node lacks; "" when it lacks nothing
	whole   bool                 // it lacks only the log
	lagging []string
}

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

func (n *Node) askState(ctx context.Context, member string, q stateQuestion) stateAnswer {
	if member == n.o.ID {
		return n.state(q)
	}
	a, err := request[stateAnswer](ctx, n, member, "state", q)
	if err != nil {
		return stateAnswer{}
	}
	return a
}

// state answers how far this node is.
func (n *Node) state(q stateQuestion) stateAnswer {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := stateAnswer{OK: n.view.ID == q.View}
	if !a.OK {
		return a
	}
	if q.After == "" {
		a.Was, a.Past = n.previous, n.past
	}
	for id, l := range n.rooms {
		if id > q.After && l.last != (point{}) && n.view.home(id) == q.Home {
			a.Rooms = append(a.Rooms, roomState{Room: id, Last: l.last, Delivered: l.delivered(), PassedOver: l.passedOver(), Floor: l.floor, Young: l.young()})
		}
	}
	slices.SortFunc(a.Rooms, func(x, y roomState) int { return cmp.Compare(x.Room, y.Room) })
	if len(a.Rooms) > stateRooms {
		a.Rooms, a.More = a.Rooms[:stateRooms], true
	}
	return a
}

// compare returns the rooms in which not all members are equally far.
func (n *Node) compare(v View, rooms map[string]*gathered, was map[string]ViewID) (behind []*gathered) {
	for _, g := range rooms {
		// A frame that one member has in the latest view of the room counts:
		// somebody may have seen it.
		for _, member := range v.Members {
			s := g.states[member]
			c := s.Last.compare(g.bestAt)
			if c > 0 || c == 0 && s.Floor.compare(g.states[g.deepest].Floor) < 0 {
				g.deepest, g.bestAt = member, s.Last
			}
		}
		own, deepest := g.states[n.o.ID], g.states[g.deepest]
		g.whole = own.Last == g.bestAt
		// What is held here is delivered when the home opens; it has no place in a
		// log that another node has.
		if !g.whole || own.Young && own.Delivered == own.Last && deepest.Floor.compare(own.Floor) < 0 {
			g.source = g.deepest
		}
		for _, member := range v.Members {
			// A new member has missed nothing; it asks when it becomes the home.
			s := g.states[member]
			if s.Last != g.bestAt && member != n.o.ID && (s.Last != (point{}) || was[member].Number > 0) {
				g.lagging = append(g.lagging, member)
			}
		}
		if g.source != "" || len(g.lagging) > 0 {
			behind = append(behind, g)
		}
	}
	return behind
}

// missedViews returns for every member the views whose frames it has to get as
// far as it lacks them: the last that was open there, and all in which somebody
// of that view went on. To a member that was left behind, what those have
// delivered is the continuation of its own history; a part of the cluster that
// it could not hear has another. A new member has missed nothing but what came in
// views of which it was a member without all of their homes.
func missedViews(was map[string]ViewID, past map[ViewID]View) map[string][]ViewID {
	order := slices.SortedFunc(maps.Keys(past), ViewID.compare)
	missed := map[string][]ViewID{}
	for member, last := range was {
		together := []string{}
		if last.Number == 0 {
			together = append(together, member)
		}
		for _, id := range order {
			v := past[id]
			goesOn := id.Number > last.Number && slices.ContainsFunc(together, v.has)
			if id == last || goesOn {
				missed[member] = append(missed[member], id)
				together = append(together, v.Members...)
			}
		}
	}
	return missed
}

// catchUp gets what this node lacks of its rooms: of many rooms at once, as a node
// may become the home of thousands. It returns false when the view ended.
func (n *Node) catchUp(ctx context.Context, v View, behind []*gathered, missed map[string][]ViewID) bool {
	from := map[string][]roomQuestion{}
	for _, g := range behind {
		if g.source != "" {
			s := g.states[n.o.ID]
			from[g.source] = append(from[g.source], roomQuestion{g.room, s.Delivered, s.PassedOver, g.whole})
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
			Room: rooms[0].Room, After: rooms[0].After, PassedOver: rooms[0].PassedOver, Whole: rooms[0].Whole, Rooms: rooms[1:],
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
				rooms[0].After, rooms[0].PassedOver = l.delivered(), l.passedOver()
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
	h = n.room(g.room).since(q.After, q.Missed, q.PassedOver)
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
	a := historyAnswer{OK: true, History: n.lacking(roomQuestion{q.Room, q.After, q.PassedOver, q.Whole}, q.Missed)}
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
	return n.room(q.Room).since(q.After, missed, q.PassedOver)
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
