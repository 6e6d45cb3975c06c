package cluster

import (
	"slices"
	"time"

	"confab/internal/messaging"
)

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
	// Old says how many of the first frames are more than a second old: they do not
	// count against the room's rate.
	Old int `json:"old,omitzero"`
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
	h := l.recent(len(l.entries))
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
// has passed over what is before, in a view that ended too early. To one whose log
// is young go the frames before, too.
func (l *roomLog) since(after point, missed []ViewID, passedOver, young bool) history {
	isMissed := func(e *entry) bool { return slices.Contains(missed, e.at.View) }
	first := -1
	if after == l.floor && after != (point{}) && !l.began {
		first = 0
	}
	for i, e := range l.entries {
		if e.at == after {
			first = i + 1
		}
	}
	deliver := first
	switch {
	case first < 0:
		deliver = l.index(0, func(e *entry) bool { return e.at.compare(after) > 0 && isMissed(e) })
	case passedOver:
		deliver = l.index(first, isMissed)
	}
	if first < 0 || young {
		h := l.recent(deliver)
		h.After = after
		return h
	}
	h := history{Room: l.id, Keep: true, After: after, Floor: l.floor, Deliver: deliver - first}
	h.take(l.entries[first:])
	return h
}

// index returns which is the first entry, from first on, that f is true of; how
// many there are, if it is of none.
func (l *roomLog) index(first int, f func(*entry) bool) int {
	if i := slices.IndexFunc(l.entries[first:], f); i >= 0 {
		return first + i
	}
	return len(l.entries)
}

// recent returns the log from an entry on, which is to be delivered with all that
// follow. Frames before it serve to know operations that are asked for again, and
// the room's rate.
func (l *roomLog) recent(deliver int) history {
	h := history{Room: l.id, Floor: l.floor}
	first := deliver
	for size := 0; first > 0; first-- {
		e := l.entries[first-1]
		if size += e.size(); size > historyBytes/2 || time.Since(e.received) > callsLast {
			h.Floor = e.at
			break
		}
	}
	for _, e := range l.entries[first:deliver] {
		if e.old || time.Since(e.received) >= time.Second {
			h.Old++
		}
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
		e.old = i < h.Old
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
