package cluster

import (
	"slices"
	"time"
)

// lacking returns what a member lacks of a room, as it asks.
func (s *roomLogs) lacking(q roomQuestion, missed []ViewID, now time.Time) history {
	l := s.room(q.Room, now)
	if q.Whole {
		return l.whole(q.After, now)
	}
	h := l.since(q, missed, now)
	if q.Until != (point{}) {
		h.cut(q.Until)
	}
	return h
}

// whole returns the recent log for a member that has delivered all of it.
func (l *roomLog) whole(delivered point, now time.Time) history {
	h := l.recent(len(l.entries), now)
	h.After = delivered
	return h
}

// since returns what a member lacks that has delivered everything up to q.After. If
// that is not in the log, the member's history is another: it continues with the
// first frame behind it of the views that the member has missed. The same holds if
// it has passed over what is before, in a view that ended too early. A member whose
// log is young gets the frames before as well.
func (l *roomLog) since(q roomQuestion, missed []ViewID, now time.Time) history {
	isMissed := func(e *entry) bool { return slices.Contains(missed, e.at.View) }
	first := -1
	if q.After == l.floor && q.After != (point{}) && !l.began {
		first = 0
	}
	for i, e := range l.entries {
		if e.at == q.After {
			first = i + 1
		}
	}
	deliver := first
	switch {
	case first < 0:
		deliver = l.index(0, func(e *entry) bool { return e.at.compare(q.After) > 0 && isMissed(e) })
	case q.PassedOver:
		deliver = l.index(first, isMissed)
	}
	if first < 0 || q.Young {
		h := l.recent(deliver, now)
		h.After = q.After
		return h
	}
	h := history{Room: l.id, Keep: true, After: q.After, Floor: l.floor, Deliver: deliver - first}
	take(&h, l.entries[first:])
	return h
}

// recent returns the log from an entry on, which is to be delivered with all that
// follow. Frames before it make operations known that are asked for again, and
// count for the room's rate.
func (l *roomLog) recent(deliver int, now time.Time) history {
	h := history{Room: l.id, Floor: l.floor}
	first := deliver
	for size := 0; first > 0; first-- {
		e := l.entries[first-1]
		if size += e.size(); size > historyBytes/2 || now.Sub(e.received) > callsLast {
			h.Floor = e.at
			break
		}
	}
	for _, e := range l.entries[first:deliver] {
		if e.old || now.Sub(e.received) >= time.Second {
			h.Old++
		}
		h.Frames = append(h.Frames, encodeItem(item{at: e.at, frame: e.frame}))
	}
	h.Deliver = len(h.Frames)
	take(&h, l.entries[deliver:])
	return h
}

// take adds entries to a history as far as they fit.
func take(h *history, entries []*entry) {
	size := 0
	for i, e := range entries {
		if size += e.size(); size > historyBytes && i > 0 {
			h.More = true
			return
		}
		h.Frames = append(h.Frames, encodeItem(item{at: e.at, frame: e.frame}))
	}
}
