package cluster

import (
	"maps"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// point is a place in the order of a room's frames. The zero point stands
// before all frames.
type point struct {
	View ViewID `json:"v,omitzero"`
	Seq  uint64 `json:"s,omitzero"`
}

func (a point) compare(b point) int {
	if c := a.View.compare(b.View); c != 0 {
		return c
	}
	switch {
	case a.Seq < b.Seq:
		return -1
	case a.Seq > b.Seq:
		return 1
	}
	return 0
}

// roomLog is what a node keeps of a room, whether anybody is in it here or not:
// the recent frames in their order. Without gaps, it is the room's history from
// floor to last.
type roomLog struct {
	id    string
	floor point // just before the first of entries
	last  point // the last of entries, or floor
	// began means that this node knows nothing of the room before entries.
	began   bool
	entries []*entry
	// held entries at the end are not delivered here: they are this node's own,
	// and no other member is known to have them yet.
	held int
	// assigned is the last number given out in assignedIn.
	assigned   uint64
	assignedIn ViewID
	touched    time.Time
}

// entry is a frame in a room's log.
type entry struct {
	at        point
	frame     *chat.Frame
	delivered bool
	// missed means that the connections of this node never got the frame: it was
	// delivered on nodes that this one could not hear.
	missed   bool
	received time.Time
	// old means that it came in a history, and was more than a second old then.
	old bool
	// safe tells who published the frame what became of it; nil elsewhere.
	safe chan error
}

// aged is an entry in the order in which entries came.
type aged struct {
	room *roomLog
	e    *entry
}

// size is what an entry is counted with: its payload and about what else it takes.
func (e *entry) size() int { return len(e.frame.JSON) + 256 }

// delivered is the last point that this node has delivered.
func (l *roomLog) delivered() point {
	switch n := len(l.entries) - l.held; {
	case l.held == 0:
		return l.last
	case n > 0:
		return l.entries[n-1].at
	case l.began:
		return point{}
	}
	return l.floor
}

// room returns the log of a room and makes one if there is none. The caller
// holds n.mu, as for all that follows.
func (n *Node) room(id string) *roomLog {
	l := n.rooms[id]
	if l == nil {
		l = &roomLog{id: id, touched: time.Now()}
		n.rooms[id] = l
	}
	return l
}

// add appends a frame, not delivered yet.
func (n *Node) add(l *roomLog, at point, f *chat.Frame) *entry {
	e := &entry{at: at, frame: f, received: time.Now()}
	if l.last == (point{}) {
		l.floor, l.began = point{at.View, at.Seq - 1}, true
	}
	l.entries = append(l.entries, e)
	l.last, l.touched = at, e.received
	l.held++
	// A home that did not know the operation, when it was asked for it again, has
	// published it a second time: it stands in the order, and nobody hears it twice.
	if before := n.ids[f.ID]; before != nil && before.delivered && !before.missed {
		n.gone[f.ID] = e.received
	}
	n.ids[f.ID] = e
	n.aging = append(n.aging, aged{l, e})
	n.bytes += e.size()
	for n.bytes > n.o.LogBytes && len(n.aging) > 0 && n.aging[0].e.delivered {
		n.evict()
	}
	return e
}

// deliver hands the first held frame of a room to the engine, unless it did so
// before.
func (n *Node) deliver(l *roomLog) {
	if l.held == 0 {
		return // Somebody has completed a room of which this node is the home.
	}
	e := l.entries[len(l.entries)-l.held]
	l.held--
	if _, before := n.gone[e.frame.ID]; !before {
		n.engine.Deliver(e.frame)
	}
	n.arrive(e)
	n.settle(e, nil)
}

// settle tells whoever published a frame what became of it.
func (n *Node) settle(e *entry, err error) {
	e.delivered = err == nil
	if e.safe != nil {
		e.safe <- err
		e.safe = nil
	}
}

// drop takes the entries from i on out of the log: the room goes on without them.
func (n *Node) drop(l *roomLog, i int) {
	for _, e := range l.entries[i:] {
		n.forget(e)
		switch {
		case !e.delivered:
			n.settle(e, messaging.ErrMoved)
		case !e.missed:
			n.gone[e.frame.ID] = time.Now()
		}
		e.delivered = true // For the order of age: nobody waits for it.
	}
	clear(l.entries[i:])
	l.entries = l.entries[:i]
	l.held = 0
	switch {
	case i > 0:
		l.last = l.entries[i-1].at
	case l.began:
		l.floor, l.last, l.began = point{}, point{}, false
	default:
		l.last = l.floor
	}
}

func (n *Node) forget(e *entry) {
	if n.ids[e.frame.ID] == e {
		delete(n.ids, e.frame.ID)
	}
	n.bytes -= e.size()
}

// evict takes the oldest entry of all out of its log.
func (n *Node) evict() {
	a := n.aging[0]
	n.aging[0] = aged{}
	n.aging = n.aging[1:]
	if len(a.room.entries) > 0 && a.room.entries[0] == a.e {
		a.room.floor, a.room.began = a.e.at, false
		a.room.entries[0] = nil
		a.room.entries = a.room.entries[1:]
		n.forget(a.e)
	}
}

// expire forgets old entries, and rooms without any that have been quiet.
func (n *Node) expire(now time.Time) {
	for len(n.aging) > 0 && n.aging[0].e.delivered && now.Sub(n.aging[0].e.received) > logAge {
		n.evict()
	}
	for id, l := range n.rooms {
		if len(l.entries) == 0 && now.Sub(l.touched) > 2*logAge {
			n.floor = max(n.floor, l.last.Seq, l.assigned)
			delete(n.rooms, id)
		}
	}
	maps.DeleteFunc(n.gone, func(_ string, at time.Time) bool { return now.Sub(at) > logAge })
	for len(n.callAge) > 0 && now.Sub(n.callAge[0].began) > callsLast {
		delete(n.calls, n.callAge[0].id)
		n.callAge[0] = nil
		n.callAge = n.callAge[1:]
	}
}

// recentMessages counts the room's messages of the last second.
func (l *roomLog) recentMessages(now time.Time) int {
	count := 0
	for _, e := range slices.Backward(l.entries) {
		if e.old || now.Sub(e.received) >= time.Second {
			break
		}
		if e.frame.Type == chat.MessageFrame {
			count++
		}
	}
	return count
}
