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
	frame     *messaging.Frame
	delivered bool
	// missed means that the connections of this node never got the frame: it was
	// delivered on nodes that this one could not hear.
	missed   bool
	received time.Time
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
func (n *Node) add(l *roomLog, at point, f *messaging.Frame) *entry {
	e := &entry{at: at, frame: f, received: time.Now()}
	if l.last == (point{}) {
		l.floor, l.began = point{at.View, at.Seq - 1}, true
	}
	l.entries = append(l.entries, e)
	l.last, l.touched = at, e.received
	l.held++
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
		if now.Sub(e.received) >= time.Second {
			break
		}
		if e.frame.Type == chat.MessageFrame {
			count++
		}
	}
	return count
}

// history is a piece of a room's log on its way to another member.
type history struct {
	Room string `json:"room"`
	// Keep says that the receiver's log up to After, the last that it has
	// delivered, is the beginning of this one. Otherwise its log is replaced.
	Keep  bool  `json:"keep,omitzero"`
	After point `json:"after,omitzero"`
	Floor point `json:"floor,omitzero"`
	// Frames are encoded items; those from Deliver on are for the receiver's
	// connections, the others only for its log.
	Frames  [][]byte `json:"frames,omitzero"`
	Deliver int      `json:"deliver,omitzero"`
	// More says that there are more frames behind these.
	More bool `json:"more,omitzero"`
}

// historyBytes bounds the frames to deliver of a history, which has half as much
// of others at most: the payload of NATS has a limit of 1 MiB, and JSON makes
// 4 bytes of 3.
const historyBytes = 256 << 10

// young says whether the log may lack operations that are asked for again.
func (l *roomLog) young() bool {
	return len(l.entries) == 0 || time.Since(l.entries[0].received) < callsLast
}

// whole returns the recent log for a member that has delivered all of it.
func (l *roomLog) whole(delivered point) history {
	h := l.recent(func(*entry) bool { return false })
	h.After = delivered
	return h
}

// passedOver says whether what this node delivered last it did not deliver, but
// passed over: the log is another part's, and its clients never heard it.
func (l *roomLog) passedOver() bool {
	n := len(l.entries) - l.held
	return n > 0 && l.entries[n-1].missed
}

// since returns what a member lacks that has delivered everything up to after.
// When after is not in the log, the member's history is another: it goes on with
// the first frame behind after of the views that it has missed. So it does when it
// has passed over what is before, in a view that ended too early.
func (l *roomLog) since(after point, missed []ViewID, passedOver bool) history {
	first := -1
	if after == l.floor && after != (point{}) && !l.began {
		first = 0
	}
	for i, e := range l.entries {
		if e.at == after {
			first = i + 1
		}
	}
	if first < 0 {
		h := l.recent(func(e *entry) bool { return e.at.compare(after) > 0 && slices.Contains(missed, e.at.View) })
		h.After = after
		return h
	}
	rest := l.entries[first:]
	h := history{Room: l.id, Keep: true, After: after, Floor: l.floor}
	if passedOver {
		h.Deliver = len(rest)
		if i := slices.IndexFunc(rest, func(e *entry) bool { return slices.Contains(missed, e.at.View) }); i >= 0 {
			h.Deliver = i
		}
	}
	h.take(rest)
	return h
}

// recent returns the log from the first missed frame on, which is to be
// delivered with all that follow. Frames before it serve to know operations that
// are asked for again, and the room's rate.
func (l *roomLog) recent(missed func(*entry) bool) history {
	h := history{Room: l.id, Floor: l.floor}
	deliver := len(l.entries)
	if i := slices.IndexFunc(l.entries, missed); i >= 0 {
		deliver = i
	}
	first := deliver
	for size := 0; first > 0; first-- {
		e := l.entries[first-1]
		if size += e.size(); size > historyBytes/2 || time.Since(e.received) > callsLast {
			h.Floor = e.at
			break
		}
	}
	for _, e := range l.entries[first:deliver] {
		h.Frames = append(h.Frames, encodeItem(item{at: e.at, frame: e.frame}))
	}
	h.Deliver = len(h.Frames)
	h.take(l.entries[deliver:])
	return h
}

// take adds entries as far as they fit.
func (h *history) take(entries []*entry) {
	size := 0
	for i, e := range entries {
		if size += e.size(); size > historyBytes && i > 0 {
			h.More = true
			return
		}
		h.Frames = append(h.Frames, encodeItem(item{at: e.at, frame: e.frame}))
	}
}

// size is about what it takes on its way.
func (h *history) size() int {
	size := 64
	for _, data := range h.Frames {
		size += len(data)
	}
	return size
}

// last is the point of the last frame; zero without frames.
func (h *history) last() point {
	if len(h.Frames) == 0 {
		return point{}
	}
	it, err := decodeItem(h.Frames[len(h.Frames)-1])
	if err != nil {
		return point{}
	}
	return it.at
}

// cut leaves the frames up to a point.
func (h *history) cut(until point) {
	for i, data := range h.Frames {
		if it, err := decodeItem(data); err != nil || it.at.compare(until) > 0 {
			h.Frames, h.More = h.Frames[:i], false
			return
		}
	}
}

// adopt makes h the log of its room, and delivers what is new. It returns
// how many frames that were.
func (n *Node) adopt(h history) int {
	l := n.room(h.Room)
	if l.delivered() != h.After {
		return 0 // It came twice.
	}
	waiting := map[string]chan error{}
	keep := 0
	if h.Keep {
		keep = len(l.entries) - l.held
	} else if h.After != (point{}) && len(h.Frames) > 0 && h.last() != h.After {
		n.o.Metrics.ClusterJumps.Inc()
	}
	for _, e := range l.entries[len(l.entries)-l.held:] {
		if e.safe != nil {
			waiting[e.frame.ID] = e.safe
			e.safe = nil
		}
	}
	n.drop(l, keep)
	if !h.Keep {
		l.floor, l.last, l.began = h.Floor, h.Floor, false
	}
	count := 0
	for i, data := range h.Frames {
		it, err := decodeItem(data)
		if err != nil || it.frame == nil {
			break
		}
		e := n.add(l, it.at, it.frame)
		e.safe = waiting[it.frame.ID]
		delete(waiting, it.frame.ID)
		if i >= h.Deliver {
			n.deliver(l)
			count++
		} else {
			l.held--
			_, before := n.gone[it.frame.ID]
			e.missed = !before
			n.arrive(e)
			n.settle(e, nil)
		}
	}
	for _, safe := range waiting {
		safe <- messaging.ErrMoved
	}
	return count
}
