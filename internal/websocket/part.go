package websocket

import (
	"runtime"
	"sync/atomic"

	"confab/internal/transport"
)

// part is the members of a group on one loop. It lives from the first member to
// the last.
type part struct {
	group *Group
	loop  *loop

	marked atomic.Int64 // the loop's time of the last mark

	// These are guarded by group.mu.
	count  int   // members, including those not added to the loop yet
	dirty  bool  // the loop has been notified of output to write
	frames int64 // frames delivered up to target
	trail  trail

	// The rest belongs to the loop.
	conns   []*Conn
	targets []transport.Target // those of conns, at the same index
	flushed cursor             // everything before it is written, or queued for slow members
	target  cursor             // end of what is being written
	next    int                // members before it have everything up to target, others up to flushed
	large   bool               // on loop.large: target is fixed until all members have it
	again   bool               // more was delivered while large
	batch   int64              // frames up to target that are not written yet
	last    int64              // time of the last write
	due     int64              // time of the next write

	_ [16]byte // See cacheLine.
}

// capture makes this round write everything delivered until now.
func (p *part) capture() {
	g := p.group
	g.mu.Lock()
	defer g.mu.Unlock()
	p.target = g.chain.end()
	p.trail.capture(p.flushed, p.target, p.loop.now, int64(g.server.options.Overlap))
	p.batch = g.frames - p.frames
	p.frames = g.frames
	p.dirty = false
	if g.behind--; g.behind == 0 {
		g.chain.quiet = p.target.position()
	}
	if p.count == 0 {
		p.letGo()
	}
}

// letGo drops the references of a part without members to the group's output. The
// part itself may still be referenced, by a list of its loop or by a Conn.
func (p *part) letGo() {
	p.flushed, p.target = cursor{}, cursor{}
	p.trail.letGo()
}

// A loop yields to other goroutines after this many writes: the scheduler does not
// see the time that raw system calls take.
const writesPerYield = transport.BatchSize

// writesPerRound is how many members of large parts a round writes to, which takes
// a few milliseconds. Everything else waits at most that long for large parts: a
// room of a hundred thousand does not noticeably delay a room of ten on its loop.
const writesPerRound = 1024

// write writes what was captured for this round: first small parts completely, then
// large parts, one after another, up to the limit of a round.
func (l *loop) write() {
	for _, p := range l.flushing {
		if len(p.conns) > l.server.options.slice {
			p.large = true
			l.large = append(l.large, p)
			continue
		}
		p.flush(len(p.conns))
	}
	clear(l.flushing)
	l.flushing = l.flushing[:0]
	for budget := l.server.options.slice; len(l.large) > 0 && budget > 0; {
		p := l.large[0]
		n, done := p.flush(budget)
		budget -= n
		if !done {
			break
		}
		l.large = append(l.large[:0], l.large[1:]...)
		p.large = false
		if p.again {
			p.again = false
			l.late = append(l.late, p)
		}
	}
}

// flush writes the captured output to the next members; most limits their number. It
// returns how many it wrote to, and reports whether all members are done. Members
// are not removed meanwhile: a connection that fails is only marked.
func (p *part) flush(most int) (n int, done bool) {
	from, to := p.flushed, p.target
	if to.chunk == nil || to.position() <= from.position() {
		p.target, p.next = cursor{}, 0
		p.trail.done(p.loop)
		return 0, true
	}
	l := p.loop
	if p.next == 0 {
		l.deliveries.add(l.now, float64(p.batch)*float64(len(p.conns)))
		p.last = l.now
	}
	pieces := appendPieces(l.pieces[:0], from, to)
	size := int(to.position() - from.position())
	for n < most && p.next < len(p.conns) {
		first := p.next
		some := p.targets[first:min(first+min(most-n, writesPerYield), len(p.conns))]
		l.poller.WriteAll(some, pieces, l.written[:])
		for i := range some {
			switch w := &l.written[i]; {
			case some[i].Slow:
				p.conns[first+i].deliver(from, to)
			case w.N < size:
				p.conns[first+i].fallBehind(pieces, w.N, w.Err)
			case w.Full:
				p.conns[first+i].block()
			}
		}
		p.next += len(some)
		n += len(some)
		if len(some) == writesPerYield {
			runtime.Gosched()
		}
	}
	clear(pieces)
	l.pieces = pieces[:0]
	if p.next < len(p.conns) {
		return n, false
	}
	p.flushed, p.target, p.next = to, cursor{}, 0
	p.trail.done(l)
	return n, true
}

// join adds the connection as a member. It receives what was delivered after at,
// the position that enter has returned.
func (p *part) join(c *Conn, at cursor) {
	if len(p.conns) == 0 && p.flushed.position() < at.position() {
		p.flushed = at
	}
	switch ahead := at.position() - p.flushed.position(); {
	case ahead > 0:
		c.ahead = at
	case ahead < 0:
		c.owePieces(at, p.flushed)
	}
	c.joined = true
	c.index = int32(len(p.conns))
	p.conns = append(p.conns, c)
	p.targets = append(p.targets, c.link.Target())
	c.mark()
}

// remove removes the connection from the members.
func (p *part) remove(c *Conn) {
	last := len(p.conns) - 1
	hole := c.index
	if int(hole) < p.next {
		// Keep members that have been written to before those that have not.
		p.next--
		hole = p.move(int32(p.next), hole)
	}
	if int(hole) != last { // Else the last place is free already, and its member has moved.
		p.move(int32(last), hole)
	}
	p.conns[last], p.targets[last] = nil, transport.Target{}
	p.conns, p.targets = p.conns[:last], p.targets[:last]
	if last == 0 {
		p.conns, p.targets = nil, nil
	}
	c.joined = false
	c.ahead = cursor{}
	p.group.leave(p)
}

// move puts a member into the place of another and returns the place that is free
// now.
func (p *part) move(from, to int32) int32 {
	p.conns[to], p.targets[to] = p.conns[from], p.targets[from]
	p.conns[to].index = to
	return from
}

// schedule decides when a part that has become dirty is written: one window after
// its last write, or at once if that time has passed.
func (p *part) schedule() {
	l := p.loop
	if p.large {
		p.again = true
		return
	}
	if p.due = p.last + l.window(len(p.conns)); p.due <= l.now {
		l.flushing = append(l.flushing, p)
		return
	}
	l.waiting.push(p)
}
