package websocket

import (
	"math"
	"sync/atomic"
	"time"
)

// Where a new connection starts in its group's output.
//
// A client that renews its token opens a second connection and drops the first
// one when it sees the 101. What had not been written to the first by then must
// come on the second. So a new connection starts at the oldest position that is
// written to all members of its group, on all loops; a member whose socket is
// full counts as written to, because it keeps its own rest.

// settleTime is how long a write takes at most, as new connections see it, where
// goroutines do the writing: a loop does not know when they are done.
const settleTime = 50 * time.Millisecond

// trail remembers where a part of a group stood before its last writes. Other
// loops read it to find where a new connection starts. What is not atomic is
// guarded by the group's lock.
type trail struct {
	// captured is the end of what is written or being written.
	captured cursor
	// marks are positions before that, the older one first: everything before a mark
	// was written by its time, and before the older one for an overlap by the time of
	// the newer. The chunks are nil when no connection starts there any more.
	marks [2]struct {
		chunk atomic.Pointer[chunk]
		off   int
		time  int64
	}
	// written is when the last write was done; writing while one is under way.
	written atomic.Int64
}

// writing is a time that has not come. longAgo is one that every span has passed.
const (
	writing = math.MaxInt64
	longAgo = math.MinInt64 / 2
)

// begin starts the trail of a part that has everything up to at. The caller holds
// the group's lock.
func (t *trail) begin(at cursor) {
	t.captured = at
	t.marks[1].time = longAgo
	t.written.Store(longAgo)
}

// capture notes that the part begins to write what lies between two cursors. The
// caller holds the group's lock.
func (t *trail) capture(from, to cursor, now, overlap int64) {
	quiet := now-t.written.Load() >= overlap
	t.captured = to
	t.written.Store(writing)
	switch {
	case overlap == 0: // The older one is never asked for.
	case quiet:
		t.mark(0, from.chunk, from.off, now)
	case now-t.marks[1].time >= overlap:
		t.mark(0, t.marks[1].chunk.Load(), t.marks[1].off, t.marks[1].time)
	default:
		return
	}
	t.mark(1, from.chunk, from.off, now)
}

func (t *trail) mark(i int, c *chunk, off int, time int64) {
	m := &t.marks[i]
	m.chunk.Store(c)
	m.off, m.time = off, time
}

// done notes that all is written. Without an overlap the mark lets go of what it
// refers to.
func (t *trail) done(l *loop) {
	if l.server.options.Overlap == 0 {
		t.written.Store(longAgo)
		t.marks[1].chunk.Store(nil)
		return
	}
	t.written.Store(l.time())
}

// letGo forgets everything. The caller holds the group's lock.
func (t *trail) letGo() {
	t.captured = cursor{}
	for i := range t.marks {
		t.marks[i].chunk.Store(nil)
	}
}

// start is where a new connection of the group starts as far as this part is
// concerned. The caller holds the group's lock.
func (t *trail) start(l *loop) cursor {
	overlap, now := int64(l.server.options.Overlap), int64(0)
	if overlap > 0 {
		now = l.time()
	}
	if written := t.written.Load(); written != writing && now-written >= overlap {
		return t.captured
	}
	m := &t.marks[1]
	if now-m.time < overlap {
		m = &t.marks[0]
	}
	if c := m.chunk.Load(); c != nil {
		return cursor{c, m.off}
	}
	return t.captured // It was all written just now.
}

// start is where a new connection starts: so far back that all parts have written
// what lies before it, but not farther than half of what a connection may be owed.
// A loop that is farther behind does not count. The caller holds g.mu.
func (g *Group) start() cursor {
	at := g.chain.end()
	earliest := at.position() - int64(g.server.options.MaxPending)/2
	for _, p := range g.parts {
		if s := p.trail.start(p.loop); s.position() < at.position() && s.position() >= earliest {
			at = s
		}
	}
	return at
}
