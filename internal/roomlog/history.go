package roomlog

import (
	"slices"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// Lacking returns what a member lacks of a room, as it asks.
func (s *Logs) Lacking(q protocol.RoomQuestion, missed []view.ID, now time.Time) protocol.History {
	l := s.Room(q.Room, now)
	if q.Whole {
		return l.whole(q.After, now)
	}
	h := l.since(q, missed, now)
	if q.Until != (view.Point{}) {
		h.Cut(q.Until)
	}
	return h
}

// whole returns the recent part of the log, for a member that has delivered all of it.
func (l *Log) whole(delivered view.Point, now time.Time) protocol.History {
	h := l.recent(len(l.entries), now)
	h.After = delivered
	return h
}

// since returns what a member lacks that has delivered everything up to q.After. If q.After
// is not in the log, the member's history is another one: then the frames to deliver begin
// with the first one behind q.After that is of a missed view. The same holds if the member
// passed over the frames up to q.After in a view that ended too early. A member with a
// young log also gets the frames before.
func (l *Log) since(q protocol.RoomQuestion, missed []view.ID, now time.Time) protocol.History {
	isMissed := func(e *entry) bool { return slices.Contains(missed, e.at.View) }
	first := -1
	if q.After == l.floor && q.After != (view.Point{}) && !l.began {
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
		deliver = l.index(0, func(e *entry) bool { return e.at.Compare(q.After) > 0 && isMissed(e) })
	case q.PassedOver:
		deliver = l.index(first, isMissed)
	}
	if first < 0 || q.Young {
		h := l.recent(deliver, now)
		h.After = q.After
		return h
	}
	h := protocol.History{Room: l.id, Keep: true, After: q.After, Floor: l.floor, Deliver: deliver - first}
	take(&h, l.entries[first:])
	return h
}

// recent returns the log from an entry on, with all later entries to be delivered. It also
// has earlier frames, which are not delivered: with them, repeated operations are
// recognized, and the room's rate is counted.
func (l *Log) recent(deliver int, now time.Time) protocol.History {
	h := protocol.History{Room: l.id, Floor: l.floor}
	first := deliver
	for size := 0; first > 0; first-- {
		e := l.entries[first-1]
		if size += e.size(); size > protocol.HistoryBytes/2 || now.Sub(e.received) > protocol.CallsLast {
			h.Floor = e.at
			break
		}
	}
	for _, e := range l.entries[first:deliver] {
		if e.old || now.Sub(e.received) >= time.Second {
			h.Old++
		}
		h.Frames = append(h.Frames, protocol.EncodeItem(protocol.Item{At: e.at, Frame: e.frame}))
	}
	h.Deliver = len(h.Frames)
	take(&h, l.entries[deliver:])
	return h
}

// take adds as many of the entries to a history as fit.
func take(h *protocol.History, entries []*entry) {
	size := 0
	for i, e := range entries {
		if size += e.size(); size > protocol.HistoryBytes && i > 0 {
			h.More = true
			return
		}
		h.Frames = append(h.Frames, protocol.EncodeItem(protocol.Item{At: e.at, Frame: e.frame}))
	}
}
