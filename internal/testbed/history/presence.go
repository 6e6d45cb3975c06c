package history

import (
	"fmt"
	"slices"
	"time"
)

// Viewers is how many people a connection was told that there are.
type Viewers struct {
	Users int
	At    time.Duration
}

// Present is what a node answered about the users of a room when the run had come to rest.
type Present struct {
	Room, Node  string
	Users       []string // sorted
	Connections int
}

const (
	// ghostTime is how long a user may still count who has gone: 2 s of grace, 2 s until other
	// nodes notice that one is lost, 2 s until they ask each other. The rest is for a machine
	// under load.
	ghostTime = 12 * time.Second
	// countedWithin is how long a user may be there without being counted everywhere: nodes ask
	// each other every 2 s. The rest is for a machine under load.
	countedWithin = 6 * time.Second
)

// presence checks what connections were told about the users of a room: a user who has gone
// is soon not counted, a user who stays is never missing, and in the end all numbers are right.
func (r *room) presence(h *History, name string, o Options) []Violation {
	if !h.Presence[name] {
		return nil
	}
	var all []Violation
	wrong := func(format string, args ...any) {
		all = append(all, Violation{Rule: Counts, Room: name, Detail: fmt.Sprintf(format, args...)})
	}
	var here []string
	connections := 0
	for _, c := range r.connections {
		if c.Ended == StillOpen {
			here = append(here, c.User)
			connections++
		}
	}
	slices.Sort(here)
	here = slices.Compact(here)
	for _, c := range r.connections {
		if c.Ended == StillOpen {
			if len(c.Viewers) == 0 {
				wrong("%s on %s was never told how many there are", c.Client, c.Node)
			} else if last := c.Viewers[len(c.Viewers)-1]; last.Users != len(here) {
				wrong("%s on %s was last told, at %s, of %d users; in the end there are %d", c.Client, c.Node, last.At, last.Users, len(here))
			}
		}
		if o.MayCountWrong {
			continue
		}
		for _, v := range c.Viewers {
			if most := r.atMost(h, name, v.At); v.Users > most {
				wrong("%s on %s was told of %d users at %s, and there were at most %d in the %s before", c.Client, c.Node, v.Users, v.At, most, ghostTime)
				break
			}
			if v.At-c.Opened < countedWithin {
				continue // A node that has just started asks the others first.
			}
			if least := r.atLeast(c, v.At, h.Partitions); v.Users < least {
				wrong("%s on %s was told of %d users at %s, and %d had been there for %s", c.Client, c.Node, v.Users, v.At, least, countedWithin)
				break
			}
		}
	}
	for _, p := range h.Present {
		if p.Room == name && (!slices.Equal(p.Users, here) || p.Connections != connections) {
			wrong("%s answered that %v are there with %d connections; in the end there are %v with %d", p.Node, p.Users, p.Connections, here, connections)
		}
	}
	return all
}

// atMost returns how many users may count at a time: those that were connected a moment before,
// or tried to connect and were not refused at once.
func (r *room) atMost(h *History, name string, at time.Duration) int {
	users := map[string]bool{}
	for _, c := range r.connections {
		if c.Opened <= at && c.Ended >= at-ghostTime {
			users[c.User] = true
		}
	}
	for _, s := range h.Handshakes {
		if s.Room == name && (s.Status != 403 || h.refusedLate(&s)) && s.At <= at && s.At >= at-ghostTime {
			users[s.User] = true
		}
	}
	return len(users)
}

// atLeast returns how many users must count at a time on a connection: those that have been
// connected to nodes of its side for a while.
func (r *room) atLeast(to *Connection, at time.Duration, partitions []Partition) int {
	users := map[string]bool{}
	for _, c := range r.connections {
		if c.Opened > at-countedWithin || c.Ended < at {
			continue
		}
		apart := slices.ContainsFunc(partitions, func(p Partition) bool {
			return at >= p.From && at < p.To+countedWithin && p.Side[c.Node] != p.Side[to.Node]
		})
		if !apart {
			users[c.User] = true
		}
	}
	return len(users)
}
