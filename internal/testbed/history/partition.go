package history

import (
	"slices"
	"time"
)

// sides splits the history of a room by its partitions. Frames of requests that
// were made during a partition, and frames that only one side got then, are
// taken out of the whole and put into the history of each side of each
// partition, where only connections and senders of that side count. apart is
// how many frames one side got and another did not.
func (r *room) sides(partitions []Partition) (whole *room, sides []*room, apart int) {
	if len(partitions) == 0 {
		return r, nil, 0
	}
	earliest := map[string]time.Duration{} // when a frame arrived first, by its Id
	for _, c := range r.connections {
		for _, f := range c.Frames {
			if at, ok := earliest[f.ID]; !ok || f.At < at {
				earliest[f.ID] = f.At
			}
		}
	}
	during := map[string]bool{} // Ids of frames that arrived first during a partition
	for _, p := range partitions {
		got := map[string]map[int]bool{} // Id → sides
		parts := map[int]*room{}
		for _, c := range r.connections {
			side, ok := p.Side[c.Node]
			if !ok {
				continue
			}
			part := parts[side]
			if part == nil {
				part = &room{catchUp: r.catchUp, absences: r.absences}
				parts[side] = part
			}
			inside := func(f Frame) bool { // Not a frame that comes again to a client that comes back.
				return f.At >= p.From && f.At < p.To && earliest[f.ID] >= p.From-lastMoments
			}
			part.connections = append(part.connections, c.only(inside))
			for _, f := range c.Frames {
				if inside(f) {
					if got[f.ID] == nil {
						got[f.ID] = map[int]bool{}
					}
					got[f.ID][side] = true
					during[f.ID] = true
				}
			}
		}
		for _, q := range r.requests {
			if part := parts[p.Side[q.Node]]; part != nil && q.Sent >= p.From && q.Answered < p.To-lastMoments {
				part.requests = append(part.requests, q)
			}
		}
		for _, s := range got {
			if len(s) < len(parts) {
				apart++
			}
		}
		for _, part := range parts {
			sides = append(sides, part)
		}
	}
	whole = &room{catchUp: r.catchUp, absences: r.absences}
	for _, c := range r.connections {
		whole.connections = append(whole.connections, c.only(func(f Frame) bool { return !during[f.ID] }))
	}
	for _, q := range r.requests {
		inside := slices.ContainsFunc(partitions, func(p Partition) bool {
			return q.Answered >= p.From && q.Sent < p.To
		})
		if !inside && !during[q.FrameID] {
			whole.requests = append(whole.requests, q)
		}
	}
	return whole, sides, apart
}

// lastMoments of a partition are not held against receivers: a frame that was
// acknowledged then may reach the others after its end.
const lastMoments = 2 * time.Second

// only returns the connection with those of its frames that keep accepts.
func (c *Connection) only(keep func(Frame) bool) *Connection {
	d := *c
	d.Frames = nil
	for _, f := range c.Frames {
		if keep(f) {
			d.Frames = append(d.Frames, f)
		}
	}
	return &d
}
