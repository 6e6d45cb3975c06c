package history

import "fmt"

// duplicates checks that no connection gets a frame twice, that no request
// becomes two frames, and that a frame says the same to everybody: what its
// sender said.
func (r *room) duplicates() []Violation {
	var all []Violation
	first := map[string]Frame{}      // by Id
	byRequest := map[string]string{} // RequestId → Id
	for _, c := range r.connections {
		seen := make(map[string]bool, len(c.Frames))
		for _, f := range c.Frames {
			if seen[f.ID] {
				all = append(all, Violation{Rule: NoDuplicate, Detail: fmt.Sprintf("%s on %s got %s twice", c.Client, c.Node, f.ID)})
			}
			seen[f.ID] = true
			known, ok := first[f.ID]
			if !ok {
				first[f.ID] = f
			} else if known.Sum != f.Sum {
				all = append(all, Violation{Rule: SameFrame, Detail: fmt.Sprintf("%s on %s got another %s than others", c.Client, c.Node, f.ID)})
			}
			if f.RequestID == "" {
				continue
			}
			if id, ok := byRequest[f.RequestID]; !ok {
				byRequest[f.RequestID] = f.ID
			} else if id != f.ID {
				byRequest[f.RequestID] = f.ID
				all = append(all, Violation{Rule: NoDuplicate, Detail: fmt.Sprintf("request %s became the frames %s and %s", f.RequestID, id, f.ID)})
			}
		}
	}
	for _, q := range r.requests {
		if q.Action != SendMessage {
			continue
		}
		if f, ok := first[byRequest[q.ID]]; ok && f.Content != q.Content {
			all = append(all, Violation{Rule: SameFrame, Detail: fmt.Sprintf("request %s said %q and %s says %q", q.ID, q.Content, f.ID, f.Content)})
		}
	}
	return all
}

// loss checks that every acknowledged frame reached every connection that was
// open before it was sent and is known to have lived on: until the end of the
// run, or until a frame behind it. What a connection missed in its last moment
// is what the client's next connection is for.
func (r *room) loss() []Violation {
	g := newGraph(r.connections)
	position, cycle := g.sort()
	if cycle != nil {
		return nil // order reports it; without an order nothing stands behind anything.
	}
	var all []Violation
	got := make(map[*Connection]map[int32]bool, len(r.connections))
	last := make(map[*Connection]int32, len(r.connections))
	for _, c := range r.connections {
		frames := g.frames(c)
		got[c] = make(map[int32]bool, len(frames))
		last[c] = -1
		for _, n := range frames {
			got[c][n] = true
			last[c] = n
		}
	}
	for _, q := range r.requests {
		if q.Outcome != Acknowledged {
			continue
		}
		frame, seen := g.index[q.FrameID]
		for _, c := range r.connections {
			if c.Opened >= q.Sent || c.Ended <= q.Answered || seen && got[c][frame] {
				continue
			}
			open := c.Ended == StillOpen
			behind := seen && last[c] >= 0 && position[last[c]] > position[frame] && g.path(frame, last[c], position)
			if open || behind {
				all = append(all, Violation{Rule: NoLoss, Detail: fmt.Sprintf(
					"%s on %s never got %s, %s from %s on %s, acknowledged at %s", c.Client, c.Node, q.FrameID, q.Action, q.Client, q.Node, q.Answered)})
			}
		}
	}
	return all
}

// refusals checks that nothing was delivered of what was refused. A 5xx says
// that is not known, so it may have been.
func (r *room) refusals() []Violation {
	delivered := map[string]string{}
	for _, c := range r.connections {
		for _, f := range c.Frames {
			delivered[f.RequestID] = f.ID
		}
	}
	var all []Violation
	for _, q := range r.requests {
		if id, ok := delivered[q.ID]; ok && q.ID != "" && q.Outcome == Refused && q.Code < 500 {
			all = append(all, Violation{Rule: RefusalsHold, Detail: fmt.Sprintf("request %s was refused with %d and delivered as %s", q.ID, q.Code, id)})
		}
	}
	return all
}
