package roomlog

import (
	"iter"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/protocol"
	"confab/internal/view"
)

// Log is what a node keeps of a room, whether it has clients in it or not: the
// recent frames in their order. It is the room's history from floor to last,
// without gaps.
type Log struct {
	id    string
	floor view.Point // the place just before the first of entries
	last  view.Point // the place of the last of entries, or floor
	// this node knows nothing of the room before entries
	began   bool
	entries []*entry
	// held is how many entries at the end are not delivered here: this node numbered them,
	// and no other member is known to have them yet.
	held int
	// assigned is the last number that was given in the view assignedIn.
	assigned   uint64
	assignedIn view.ID
	touched    time.Time
	// home and keepers are those of the room in the view placedIn.
	home     string
	keepers  []string
	placedIn view.ID
}

// ID returns the room's id.
func (l *Log) ID() string { return l.id }

// End returns the last place in the log.
func (l *Log) End() view.Point { return l.last }

// Held returns the frames at the end that are not delivered here, with their places.
func (l *Log) Held() iter.Seq2[view.Point, *chat.Frame] {
	return func(yield func(view.Point, *chat.Frame) bool) {
		for _, e := range l.entries[len(l.entries)-l.held:] {
			if !yield(e.at, e.frame) {
				return
			}
		}
	}
}

// place returns the room's home in a view. It is computed once for each view.
func (l *Log) place(v *view.View) (home string) {
	if l.placedIn != v.ID || l.home == "" {
		l.placedIn, l.home, l.keepers = v.ID, v.Home(l.id), nil
	}
	return l.home
}

// Keepers returns the room's keepers in a view.
func (l *Log) Keepers(v *view.View) []string {
	if home := l.place(v); l.keepers == nil {
		l.keepers = v.Keepers(l.id, home)
	}
	return l.keepers
}

// entry is a frame in a room's log.
type entry struct {
	at        view.Point
	frame     *chat.Frame
	delivered bool
	// missed means that the clients of this node never got the frame, because it was
	// delivered on nodes that this one could not reach.
	missed   bool
	received time.Time
	// old means that it came as part of a history, and was more than a second old then.
	old bool
	// safe receives the outcome of a frame that this node published. It is nil on other
	// nodes.
	safe chan error
}

// size is how much an entry counts towards the limit: its payload, and about as much as the
// rest takes.
func (e *entry) size() int { return len(e.frame.JSON) + 256 }

// settle answers the publisher of a frame.
func (e *entry) settle(err error) {
	e.delivered = err == nil
	if e.safe != nil {
		e.safe <- err
		e.safe = nil
	}
}

// Delivered is the last point that this node has delivered.
func (l *Log) Delivered() view.Point {
	switch n := len(l.entries) - l.held; {
	case l.held == 0:
		return l.last
	case n > 0:
		return l.entries[n-1].at
	case l.began:
		return view.Point{}
	}
	return l.floor
}

// Lost reports whether a frame, which has its place behind others that this node delivered or
// passed over, is not among them.
func (l *Log) Lost(at chat.Point) bool {
	place := func(p view.Point) chat.Point { return chat.Point{Epoch: p.View.Number, Sequence: p.Seq} }
	return place(l.floor).Before(at) && at.Before(place(l.Delivered())) &&
		!slices.ContainsFunc(l.entries, func(e *entry) bool { return place(e.at) == at })
}

// PassedOver reports whether the frame that this node delivered last was not
// delivered to its clients: the log is that of another side of a partition.
func (l *Log) PassedOver() bool {
	n := len(l.entries) - l.held
	return n > 0 && l.entries[n-1].missed
}

// young reports whether operations that may still be repeated may be missing in the log.
func (l *Log) young(now time.Time) bool {
	return len(l.entries) == 0 || now.Sub(l.entries[0].received) < protocol.CallsLast
}

// RecentMessages counts the room's messages of the last second.
func (l *Log) RecentMessages(now time.Time) int {
	count := 0
	for _, e := range slices.Backward(l.entries) {
		if e.old || now.Sub(e.received) >= time.Second {
			break
		}
		if e.frame.Type == chat.MessageFrame && !e.frame.Hidden {
			count++
		}
	}
	return count
}

// index returns the index of the first entry, from first on, for which f is true, or the
// number of entries.
func (l *Log) index(first int, f func(*entry) bool) int {
	if i := slices.IndexFunc(l.entries[first:], f); i >= 0 {
		return first + i
	}
	return len(l.entries)
}
