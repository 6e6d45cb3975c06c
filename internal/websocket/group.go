package websocket

import (
	"slices"
	"sync"
)

// Group is a set of connections that all receive the same frames. A group that
// is not referred to any more, neither by its maker nor by a connection, needs
// no closing.
type Group struct {
	server *Server

	// mu guards the fields below, and count, dirty and frames of the parts.
	mu     sync.Mutex
	chain  chain
	frames int64   // delivered so far
	parts  []*part // those with members
	count  int     // members on all loops
	behind int     // parts that are dirty
}

// NewGroup returns a group without members.
func (s *Server) NewGroup() *Group {
	return &Group{server: s, chain: newChain()}
}

// Deliver queues a text frame for every member, behind everything delivered
// before, and returns how many members there are. It does not block and keeps
// text no longer than the call. The text must be valid UTF-8.
func (g *Group) Deliver(text []byte) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.count == 0 {
		return 0
	}
	g.chain.appendText(text)
	g.frames++
	for _, p := range g.parts {
		if !p.dirty {
			p.dirty = true
			g.behind++
			p.loop.markDirty(p)
		}
	}
	return g.count
}

// Len returns the number of members.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count
}

// end is behind everything delivered so far.
func (g *Group) end() cursor {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.chain.end()
}

// A group with fewer members on its first loop than this stays there: one
// wake-up then serves all of it.
const spreadAbove = 64

// enter counts a new member in and returns the part it belongs to and where its
// output starts.
func (g *Group) enter() (*part, cursor) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.start()
	p := g.choose()
	p.count++
	g.count++
	return p, at
}

// choose returns the part for the next member, a new one if need be.
func (g *Group) choose() *part {
	if len(g.parts) > 0 && g.parts[0].count < spreadAbove {
		return g.parts[0]
	}
	best := g.server.quietest()
	if len(g.parts) > 0 {
		// The loop with the fewest members of this group, so that all loops
		// need about as long to write to it.
		counts := make(map[*loop]int, len(g.parts))
		for _, p := range g.parts {
			counts[p.loop] = p.count
		}
		for _, l := range g.server.loops {
			if counts[l] < counts[best] {
				best = l
			}
		}
	}
	for _, p := range g.parts {
		if p.loop == best {
			return p
		}
	}
	p := &part{group: g, loop: best, frames: g.frames, flushed: g.chain.end(), last: longAgo}
	p.trail.begin(p.flushed)
	g.parts = append(g.parts, p)
	return p
}

// leave counts a member out. It is called on the part's loop.
func (g *Group) leave(p *part) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.countOut(p)
	if p.count == 0 {
		p.letGo()
	}
}

// leaveUnseen counts a member out that its loop has not seen.
func (g *Group) leaveUnseen(p *part) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.countOut(p)
}

// countOut counts a member out and, with the last one, the part: nothing would
// move its cursor on any more, and so it would keep all that is delivered from
// here on. Whoever joins on its loop next gets another part. The caller holds
// g.mu.
func (g *Group) countOut(p *part) {
	g.count--
	if p.count--; p.count == 0 {
		g.parts = slices.DeleteFunc(g.parts, func(q *part) bool { return q == p })
	}
}
