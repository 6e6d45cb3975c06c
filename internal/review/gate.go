package review

import "sync"

// gate bounds how many messages one handler reviews at a time, so that a slow handler
// does not use up memory and connections of the others.
type gate struct {
	limit int

	mu     sync.Mutex     // guards inside
	inside map[string]int // by handler uri, without zeros
}

// enter reports whether one more message may go to the handler. If so, leave must be
// called later.
func (g *gate) enter(uri string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside[uri] >= g.limit {
		return false
	}
	g.inside[uri]++
	return true
}

func (g *gate) leave(uri string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside[uri]--; g.inside[uri] == 0 {
		delete(g.inside, uri)
	}
}
