package websocket

import "runtime"

// part is a loop's share of a group.
type part struct {
	group *Group
	loop  *loop

	// These are guarded by group.mu.
	count  int   // members, those included that the loop has yet to learn of
	dirty  bool  // the loop knows that there is something to write
	frames int64 // delivered up to target

	// The rest belongs to the loop.
	members []member
	flushed cursor // up to here everything is written, or queued for those who are slow
	target  cursor // up to where this round writes
	batch   int64  // frames up to target that are not written yet
	last    int64  // time of the last write
	due     int64  // time of the next write
}

// member is what the loop reads of every member for every write; it fits many
// times into a cache line's worth of prefetching, which a Conn does not.
type member struct {
	fd int32
	// slow members are served through their Conn: they are owed something, or
	// are ahead of the others, or have no descriptor.
	slow bool
	conn *Conn
}

// capture decides that this round writes everything delivered until now.
func (p *part) capture() {
	g := p.group
	g.mu.Lock()
	defer g.mu.Unlock()
	p.target = g.chain.end()
	p.batch = g.frames - p.frames
	p.frames = g.frames
	p.dirty = false
	if g.behind--; g.behind == 0 {
		g.chain.quiet = p.target.position()
	}
}

// A loop lets other goroutines run after this many writes: the scheduler does
// not see the time that raw system calls take.
const writesPerYield = 128

// flush writes what has been captured to every member. Members are not removed
// meanwhile: what fails is only marked.
func (p *part) flush() {
	from, to := p.flushed, p.target
	p.target = cursor{}
	if to.position() <= from.position() {
		return
	}
	p.flushed = to
	l := p.loop
	pieces := appendPieces(l.pieces[:0], from, to)
	size := int(to.position() - from.position())
	for i := range p.members {
		m := &p.members[i]
		if m.slow {
			m.conn.deliver(from, to)
			continue
		}
		if n, err := writeSocket(m.fd, pieces, &l.vectors); n < size {
			m.conn.fallBehind(pieces, n, err)
		}
		if i%writesPerYield == writesPerYield-1 {
			runtime.Gosched()
		}
	}
	clear(pieces)
	l.pieces = pieces[:0]
	l.deliveries.add(l.now, float64(p.batch)*float64(len(p.members)))
	p.last = l.now
}

// join makes the connection a member that gets what was delivered after at.
func (p *part) join(c *Conn, at cursor) {
	if len(p.members) == 0 && p.flushed.position() < at.position() {
		p.flushed = at
	}
	switch ahead := at.position() - p.flushed.position(); {
	case ahead > 0:
		c.ahead = at
	case ahead < 0:
		c.owePieces(at, p.flushed)
	}
	c.joined = true
	c.index = int32(len(p.members))
	p.members = append(p.members, member{fd: c.transport.descriptor(), conn: c})
	c.mark()
}

// remove makes the connection no member any more.
func (p *part) remove(c *Conn) {
	last := len(p.members) - 1
	moved := p.members[last]
	p.members[c.index] = moved
	moved.conn.index = c.index
	p.members[last] = member{}
	p.members = p.members[:last]
	if last == 0 {
		p.members = nil
	}
	c.joined = false
	c.ahead = cursor{}
	p.group.leave(p)
}

// schedule decides when a part that has become dirty is written: at once if its
// last write is long enough ago, else one window behind it.
func (p *part) schedule() {
	l := p.loop
	if p.due = p.last + l.window(len(p.members)); p.due <= l.now {
		l.flushing = append(l.flushing, p)
		return
	}
	l.waiting.push(p)
}
