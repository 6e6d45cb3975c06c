package history

import (
	"fmt"
	"time"
)

// replayTime is how old the frames may be that a new connection gets. A node starts a
// connection at the oldest position that it has written to all members of the room, and
// in a cluster up to three times a window and 50 ms before (docs/compatibility.md,
// "frames around a token refresh"). The rest is for a machine under load.
const replayTime = 2 * time.Second

// joins checks where connections start in the order of their room.
//
// A client that renews its token opens a second connection and ignores the first one
// from the 101 on. So between the last frame of the first connection before the 101 and
// the first frame of the second there must be no other frame: those of the delivery
// window that is open at the 101 come on the second connection. They may come on both.
//
// And a connection must not start in the past: it gets no frame that another
// connection to its node had received longer than replayTime before it opened. In a room
// with catch-up, a user who comes back may get what came after an older connection had
// confirmed the last time, but nothing from before the end of a ban.
func (r *room) joins() []Violation {
	g := newGraph(r.connections)
	position, cycle := g.sort()
	if cycle != nil {
		return nil // order reports it.
	}
	return append(r.renewals(g, position), r.replays()...)
}

func (r *room) renewals(g *graph, position []int32) []Violation {
	sorted := make([]int32, len(position))
	for frame, at := range position {
		sorted[at] = int32(frame)
	}
	var all []Violation
	for _, first := range r.connections {
		for _, second := range r.connections {
			if first.Client != second.Client || first.Opened >= second.Opened || first.Ended < second.Opened || len(second.Frames) == 0 {
				continue
			}
			last := -1
			for i, f := range first.Frames {
				if f.At <= second.Opened {
					last = i
				}
			}
			if last < 0 {
				continue
			}
			before, after := g.index[first.Frames[last].ID], g.index[second.Frames[0].ID]
			for at := position[before] + 1; at < position[after]; at++ {
				if missed := sorted[at]; g.path(before, missed, position) && g.path(missed, after, position) {
					all = append(all, Violation{Rule: Joins, Detail: fmt.Sprintf("%s on %s and then on %s missed %s between its connections, opened at %s and %s",
						first.Client, first.Node, second.Node, g.ids[missed], first.Opened, second.Opened)})
					break
				}
			}
		}
	}
	return all
}

func (r *room) replays() []Violation {
	type arrival struct{ node, frame string }
	earliest := map[arrival]time.Duration{}
	for _, c := range r.connections {
		for _, f := range c.Frames {
			a := arrival{c.Node, f.ID}
			if at, ok := earliest[a]; !ok || f.At < at {
				earliest[a] = f.At
			}
		}
	}
	var all []Violation
	for _, c := range r.connections {
		since := r.absences[c.User].since(c)
		for _, f := range c.Frames {
			if age := since - earliest[arrival{c.Node, f.ID}]; age > replayTime {
				all = append(all, Violation{Rule: Joins, Detail: fmt.Sprintf("%s on %s, opened at %s, got %s, which its node had delivered %s before", c.Client, c.Node, c.Opened, f.ID, age+c.Opened-since)})
				break
			}
		}
	}
	return all
}
