package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	// toldAfter is how long a connection must have been there before its node is killed, for
	// other nodes to know of it: nodes tell each other every 2 s. The rest is for a machine
	// under load.
	toldAfter = 4 * time.Second
	// confirmedWithin is how long a client of a room with catch-up may take to confirm what it
	// has, and its node to tell another one: a Ping comes every 5 s, a report every 2 s. The
	// rest is for a machine under load.
	confirmedWithin = 12 * time.Second
)

// chain is the connections of one client, in the order of their opening.
type chain []*Connection

func (r *room) chains() map[string]chain {
	all := map[string]chain{}
	for _, c := range r.connections {
		all[c.Client] = append(all[c.Client], c)
	}
	for _, c := range all {
		slices.SortFunc(c, func(a, b *Connection) int { return cmp.Compare(a.Opened, b.Opened) })
	}
	return all
}

// known returns the connections of the client that must miss nothing between them: those behind
// the last Close frame. A first connection that was lost at once may be unknown to the other nodes.
func (c chain) known() chain {
	for i, one := range slices.Backward(c) {
		if one.Ending == EndedClosed {
			c = c[i+1:]
			break
		}
	}
	if len(c) > 1 && c[0].Ended-c[0].Opened < toldAfter {
		return c[1:]
	}
	return c
}

// caughtUp checks the promise of catch-up: a client that comes back gets everything that it
// has missed, in order. That frames come as they were, each once on a connection and without
// gaps, other rules check for all rooms. An official client shows each frame once, because a
// frame that is repeated has the same Id.
func (r *room) caughtUp(o Options) []Violation {
	if o.MayMiss {
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
	var all []Violation
	for name, whole := range r.chains() {
		c := whole.known()
		if len(c) == 0 {
			continue
		}
		got := map[string]bool{}
		last := int32(-1)
		for _, one := range c {
			if one.Missed != "" {
				all = append(all, Violation{Rule: CatchesUp, Detail: fmt.Sprintf("%s on %s, opened at %s, was told that it missed %s", name, one.Node, one.Opened, one.Missed)})
			}
			frames := g.frames(one)
			if last >= 0 && len(frames) > 0 {
				for at := position[last] + 1; at < position[frames[0]]; at++ {
					missed := sorted[at]
					if !got[g.ids[missed]] && g.path(last, missed, position) && g.path(missed, frames[0], position) {
						all = append(all, Violation{Rule: CatchesUp, Detail: fmt.Sprintf("%s on %s, opened at %s, never got %s", name, one.Node, one.Opened, g.ids[missed])})
						break
					}
				}
			}
			for _, n := range frames {
				got[g.ids[n]] = true
				if last < 0 || position[n] > position[last] {
					last = n
				}
			}
		}
		if c[len(c)-1].Ended != StillOpen {
			continue
		}
		for _, q := range r.requests {
			if q.Outcome == Acknowledged && q.Sent > c[0].Opened && !got[q.FrameID] {
				all = append(all, Violation{Rule: CatchesUp, Detail: fmt.Sprintf(
					"%s never got %s, %s from %s on %s, acknowledged at %s", name, q.FrameID, q.Action, q.Client, q.Node, q.Answered)})
			}
		}
	}
	return all
}

// absences are the connections of one user in a room with catch-up, and the bans of the user there.
// For nodes, all clients of a user in a run are the same one.
type absences struct {
	connections chain
	bans        []*Ban
}

// absences returns the connections of each user in a room.
func (h *History) absences(room string) map[string]absences {
	all := map[string]absences{}
	for _, c := range h.Connections {
		if c.Room == room {
			of := all[c.User]
			of.connections = append(of.connections, c)
			all[c.User] = of
		}
	}
	for _, b := range h.Bans {
		if b.Room == room && b.Answered != StillOpen && !b.Mute && !b.Hide && !b.Range {
			of := all[b.User]
			of.bans = append(of.bans, b)
			all[b.User] = of
		}
	}
	for _, of := range all {
		slices.SortFunc(of.connections, func(a, b *Connection) int { return cmp.Compare(a.Opened, b.Opened) })
	}
	return all
}

// since returns from when on a connection may get frames that its node had delivered before:
// from what its user may not have confirmed on earlier connections.
func (r absences) since(later *Connection) time.Duration {
	banned := time.Duration(0)
	for _, b := range r.bans {
		if b.Answered <= later.Opened {
			banned = max(banned, b.Answered)
		}
	}
	since, returned := later.Opened, false
	for _, one := range slices.Backward(r.connections) {
		if one.Opened >= later.Opened {
			continue
		}
		if one.Opened < banned {
			break
		}
		returned = true
		since = min(since, one.Ended)
		if one.Ended-one.Opened > confirmedWithin {
			break
		}
		since = min(since, one.Opened)
	}
	if !returned {
		return later.Opened
	}
	return max(since-confirmedWithin, banned)
}
