package messaging

import (
	"cmp"
	"slices"
)

// defaultRingBytes is Options.RingBytes if that is 0.
const defaultRingBytes = 256 << 20

// boundRings empties the rings of rooms that clients have not joined for the longest time,
// if all together have too much.
func boundRings(e *Engine) {
	limit := cmp.Or(e.o.RingBytes, defaultRingBytes)
	var all []*ring
	e.mu.RLock()
	for _, r := range e.rooms {
		if g := r.ring.Load(); g != nil {
			all = append(all, g)
		}
	}
	e.mu.RUnlock()
	type state struct {
		*ring
		bytes, joined int64
	}
	var total int64
	now := e.now().UnixNano()
	states := make([]state, len(all))
	for i, g := range all {
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
		if total <= limit/4*3 || s.joined > now-int64(fillEvery) {
			return // It is not done every second, and not while a connection that joins reads.
		}
		s.empty()
		total -= s.bytes
	}
}

// empty forgets the messages. The next join reads them from the history.
func (g *ring) empty() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set(nil)
	g.complete = false
}

// recent remembers the last of some ids.
type recent struct {
	known map[string]bool
	order []string
}

// mostRecent is how many ids are remembered.
const mostRecent = 1000

func (r *recent) add(id string) {
	if r.known[id] {
		return
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	if len(r.order) == mostRecent {
		delete(r.known, r.order[0])
		r.order = append(r.order[:0], r.order[1:]...)
	}
	r.known[id] = true
	r.order = append(r.order, id)
}

func (r *recent) has(id string) bool { return r.known[id] }
