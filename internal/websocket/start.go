package websocket

import (
	"math"
	"sync/atomic"
	"time"
)

// The position at which a new connection starts in its group's output.
//
// A client that renews its token opens a second connection and drops the first one
// when it receives the 101. Frames that were not written to the first one by then
// must be written to the second. So a new connection starts at the oldest position
// that is written to all members of its group, on all loops. A member whose socket
// is full counts as written to, because it has its own queue.

// settleTime is the assumed maximum time of a write by a goroutine, for the start of
// new connections: a loop does not know when such a write is done.
const settleTime = 50 * time.Millisecond

// trail records the positions of a part of a group before its last writes. Other
// loops read it to find where a new connection starts. Fields that are not atomic
// are guarded by the group's lock.
type trail struct {
	// captured is the end of the output that is written or being written.
	captured cursor
	// marks are positions before captured, the older one first. Everything before a
	// mark was written by the time of the mark. At the time of the newer mark,
	// everything before the older one had been written for at least an overlap. The
	// chunks are nil when no connection starts there any more.
	marks [2]struct {
		chunk atomic.Pointer[chunk]
		off   int
		time  int64
	}
	// written is when the last write was done; it is writing during a write.
	written atomic.Int64
}

// writing is a time that never comes. longAgo is a time before every overlap.
const (
	writing = math.MaxInt64
	longAgo = math.MinInt64 / 2
)

// begin starts the trail of a part that has written everything up to at. The caller
// holds the group's lock.
func (t *trail) begin(at cursor) {
	t.captured = at
	t.marks[1].time = longAgo
	t.written.Store(longAgo)
}

// capture records that the part starts to write the output between two cursors. The
// caller holds the group's lock.
func (t *trail) capture(from, to cursor, now, overlap int64) {
	quiet := now-t.written.Load() >= overlap
	t.captured = to
	t.written.Store(writing)
	switch {
	case overlap == 0: // The older mark is never used.
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

// done records that all is written. Without an overlap it drops the mark's reference
// to its chunk.
func (t *trail) done(l *loop) {
	if l.server.options.Overlap == 0 {
		t.written.Store(longAgo)
		t.marks[1].chunk.Store(nil)
		return
	}
	t.written.Store(l.time())
}

// letGo drops all references. The caller holds the group's lock.
func (t *trail) letGo() {
	t.captured = cursor{}
	for i := range t.marks {
		t.marks[i].chunk.Store(nil)
	}
}

// start returns where a new connection of the group may start with regard to this
// part. The caller holds the group's lock.
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
	return t.captured // The write was done just now.
}

// start returns where a new connection starts: far enough back that all parts have
// written everything before it, but at most half of MaxPending back. A part that is
// farther behind is ignored. The caller holds g.mu.
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
