package history

import (
	"fmt"
	"slices"
	"time"
)

// firsts checks what connections got first in a room that keeps its messages: the latest
// kept messages up to the connection's first live frame, but for those that were deleted.
// They are messages that were sent, each comes once, in the room's order, and without
// holes: also none at the end, in front of the live frames, and none at the beginning,
// unless there are as many as the room gives.
func (r *room) firsts(onJoin int, o Options) []Violation {
	if onJoin == 0 {
		return nil
	}
	g := newGraph(r.connections)
	position, cycle := g.sort()
	if cycle != nil {
		return nil // order reports it.
	}
	sorted := make([]int32, len(position))
	for frame, at := range position {
		sorted[at] = int32(frame)
	}
	f := firsts{graph: g, position: position, sorted: sorted, onJoin: onJoin}
	f.messages, f.unknown = r.messages()
	var all []Violation
	for _, c := range r.connections {
		if len(c.Frames) == 0 && len(c.First) == 0 {
			continue // Nothing is known of a connection that ended at once.
		}
		problems := append(f.wrong(c), f.disorder(c)...)
		if !o.MayLackHistory {
			problems = append(problems, f.holes(c)...)
		}
		for _, p := range problems {
			all = append(all, Violation{Rule: HistoryFirst, Detail: fmt.Sprintf("%s on %s, opened at %s, %s", c.Client, c.Node, c.Opened, p)})
		}
	}
	return all
}

// spoken is what a run knows of a message.
type spoken struct {
	content      string
	acknowledged bool
	// deleting is when it was asked to be deleted first. deletions are the frames that say so.
	deleting  time.Duration
	deletions []string
}

// messages returns the messages of the room by their ids, and the contents of those that
// may have been sent or not.
func (r *room) messages() (known map[string]*spoken, unknown map[string]bool) {
	known, unknown = map[string]*spoken{}, map[string]bool{}
	get := func(id string) *spoken {
		if known[id] == nil {
			known[id] = &spoken{deleting: StillOpen}
		}
		return known[id]
	}
	for _, c := range r.connections {
		for _, f := range c.Frames {
			if f.Event == "" {
				get(f.ID).content = f.Content
			}
		}
	}
	for _, q := range r.requests {
		switch {
		case q.Action == DeleteMessage:
			m := get(q.Target)
			m.deleting = min(m.deleting, q.Sent)
			if q.Outcome == Acknowledged {
				m.deletions = append(m.deletions, q.FrameID)
			}
		case q.Action != SendMessage:
		case q.Outcome == Acknowledged:
			m := get(q.FrameID)
			m.content, m.acknowledged = q.Content, true
		case q.Outcome == Unknown || q.Code >= 500:
			unknown[q.Content] = true
		}
	}
	return known, unknown
}

// firsts is what the first frames of a room's connections are compared with.
type firsts struct {
	*graph
	position []int32 // of each frame in the order of all
	sorted   []int32 // the frames in that order
	messages map[string]*spoken
	unknown  map[string]bool
	onJoin   int
}

// wrong returns what the connection should not have got.
func (f *firsts) wrong(c *Connection) (problems []string) {
	if n := len(c.First) + c.withheld; n > f.onJoin {
		problems = append(problems, fmt.Sprintf("got %d messages first, more than %d", n, f.onJoin))
	}
	seen := map[string]bool{}
	for _, first := range c.First {
		m := f.messages[first.ID]
		switch {
		case seen[first.ID]:
			problems = append(problems, "got "+first.ID+" twice")
		case m == nil && !f.unknown[first.Content] || m != nil && m.content != "" && m.content != first.Content:
			problems = append(problems, fmt.Sprintf("got %s, and %q was not sent so", first.ID, first.Content))
		case m != nil && f.deleted(m, c):
			problems = append(problems, "got "+first.ID+" first, which had been deleted")
		}
		seen[first.ID] = true
	}
	for _, live := range c.Frames {
		if seen[live.ID] {
			problems = append(problems, "got "+live.ID+" first and live")
		}
	}
	return problems
}

// deleted reports whether the message was deleted in front of the connection's live frames.
func (f *firsts) deleted(m *spoken, c *Connection) bool {
	if len(c.Frames) == 0 {
		return false
	}
	start := f.index[c.Frames[0].ID]
	return slices.ContainsFunc(m.deletions, func(id string) bool {
		frame, ok := f.index[id]
		return ok && frame != start && f.path(frame, start, f.position)
	})
}

// known returns the numbers of the connection's first frames that others got live, and of
// the live frame behind them.
func (f *firsts) known(c *Connection) (frames []int32) {
	for _, first := range c.First {
		if n, ok := f.index[first.ID]; ok {
			frames = append(frames, n)
		}
	}
	if len(c.Frames) > 0 {
		frames = append(frames, f.index[c.Frames[0].ID])
	}
	return frames
}

// disorder returns which frames stand in another order than others got them.
func (f *firsts) disorder(c *Connection) []string {
	frames := f.known(c)
	for i := 1; i < len(frames); i++ {
		if before, after := frames[i-1], frames[i]; before != after && f.path(after, before, f.position) {
			return []string{fmt.Sprintf("got %s and then %s, but others got them the other way round", f.ids[before], f.ids[after])}
		}
	}
	return nil
}

// holes returns what is missing among the first frames, between them and the live ones,
// and in front of them.
func (f *firsts) holes(c *Connection) []string {
	frames := f.known(c)
	if len(frames) == 0 {
		return nil
	}
	at := 0
	if len(c.First)+c.withheld < f.onJoin {
		// There is no message in front of them all.
		for ; at < int(f.position[frames[0]]); at++ {
			if missed := f.sorted[at]; f.wanted(missed, c) && f.path(missed, frames[0], f.position) {
				return []string{fmt.Sprintf("got %d messages first, and not %s in front of %s", len(c.First), f.ids[missed], f.ids[frames[0]])}
			}
		}
	}
	for i := 1; i < len(frames); i++ {
		before, after := frames[i-1], frames[i]
		for at := f.position[before] + 1; at < f.position[after]; at++ {
			if missed := f.sorted[at]; f.wanted(missed, c) && f.path(before, missed, f.position) && f.path(missed, after, f.position) {
				return []string{fmt.Sprintf("did not get %s, between %s and %s", f.ids[missed], f.ids[before], f.ids[after])}
			}
		}
	}
	return nil
}

// wanted reports whether the frame, which stands in front of the connection's live ones, is
// one that it should have got: an acknowledged message that no client had asked to delete.
func (f *firsts) wanted(frame int32, c *Connection) bool {
	m := f.messages[f.ids[frame]]
	return m != nil && m.acknowledged && m.deleting > c.Opened
}
