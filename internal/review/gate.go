package review

import "sync"

// gate bounds how many messages one handler reviews at a time, so that a slow
// one costs the others neither memory nor connections.
type gate struct {
	limit int

	mu     sync.Mutex     // guards inside
	inside map[string]int // by handler uri, those that are not zero
}

// enter says whether one more message may go to the handler. If so, leave
// follows.
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
