package recent

import (
	"cmp"
	"slices"
	"time"
)

// Bound limits the memory of rings to limit bytes. If they have more, it empties the rings
// that no client has joined for the longest time, until three quarters of the limit are
// used, so that it has work only now and then.
func Bound(rings []*Ring, limit int64, now time.Time) {
	type state struct {
		*Ring
		bytes, joined int64
	}
	var total int64
	states := make([]state, len(rings))
	for i, g := range rings {
		g.mu.Lock()
		states[i] = state{g, g.bytes, g.joined.UnixNano()}
		g.mu.Unlock()
		total += states[i].bytes
	}
	if total <= limit {
		return
	}
	slices.SortFunc(states, func(a, b state) int { return cmp.Compare(a.joined, b.joined) })
	for _, s := range states {
		if total <= limit/4*3 || s.joined > now.UnixNano()-int64(fillEvery) {
			return // A client that joins may be reading it.
		}
		s.empty()
		total -= s.bytes
	}
}

// empty removes all messages. The next join reads them from the history.
func (g *Ring) empty() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.setLocked(nil)
	g.complete = false
}

// lastIDs remembers the last mostIDs of some ids.
type lastIDs struct {
	known map[string]bool
	order []string
}

const mostIDs = 1000

func (r *lastIDs) add(id string) {
	if r.known[id] {
		return
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	if len(r.order) == mostIDs {
		delete(r.known, r.order[0])
		r.order = append(r.order[:0], r.order[1:]...)
	}
	r.known[id] = true
	r.order = append(r.order, id)
}

func (r *lastIDs) has(id string) bool { return r.known[id] }
