package websocket

import "runtime"

// queue returns the connection's queue, to add output to it, and creates it if
// needed.
func (c *Conn) queue() *queue {
	l := c.loop
	if c.out == nil {
		if n := len(l.queues); n > 0 {
			c.out, l.queues = l.queues[n-1], l.queues[:n-1]
		} else {
			c.out = new(queue)
		}
		c.mark()
	}
	if !c.touched {
		c.touched = true
		l.touched = append(l.touched, c)
	}
	return c.out
}

// owe queues a frame without copying it. It is written later in the round.
func (c *Conn) owe(frame []byte) {
	c.loop.owed += len(frame)
	c.queue().add(frame)
}

// oweCopy queues a copy of a small frame.
func (c *Conn) oweCopy(frame []byte) {
	c.loop.owed += len(frame)
	c.queue().copy(frame)
}

// owePieces queues the group's output between two cursors.
func (c *Conn) owePieces(from, to cursor) {
	l := c.loop
	l.piecesOfOne = appendPieces(l.piecesOfOne[:0], from, to)
	for _, p := range l.piecesOfOne {
		c.owe(p)
	}
	clear(l.piecesOfOne)
}

// position returns the end of the group's output that is written to the connection
// or queued for it.
func (c *Conn) position() cursor {
	switch {
	case c.ahead.chunk != nil:
		return c.ahead
	case int(c.index) < c.part.next:
		return c.part.target
	default:
		return c.part.flushed
	}
}

// catchUp queues the group's output before at, if needed ahead of the other
// members, so that frames queued next come after it.
func (c *Conn) catchUp(at cursor) {
	if !c.joined || at.position() <= c.position().position() {
		return
	}
	c.owePieces(c.position(), at)
	c.ahead = at
	c.mark()
}

// deliver queues the output of part.flush for a slow member.
func (c *Conn) deliver(from, to cursor) {
	if c.state != stateOpen {
		return
	}
	if c.ahead.chunk != nil {
		if c.ahead.position() > to.position() {
			return
		}
		from, c.ahead = c.ahead, cursor{}
		c.mark()
	}
	c.owePieces(from, to)
	c.flush()
}

// fallBehind is called by part.flush for a member that took only n bytes.
func (c *Conn) fallBehind(pieces [][]byte, n int, err error) {
	if err != nil {
		c.lost(err)
		return
	}
	for _, p := range pieces {
		if n >= len(p) {
			n -= len(p)
			continue
		}
		c.owe(p[n:])
		n = 0
	}
	c.block()
	c.flush()
}

// block makes the connection wait until the link takes more.
func (c *Conn) block() {
	c.blocked = true
	c.mark()
	c.rearm()
}

// mark records for part.flush whether the connection can be written to directly.
func (c *Conn) mark() {
	if c.joined {
		t := &c.part.targets[c.index]
		t.Slow = t.FD < 0 || c.out != nil || c.ahead.chunk != nil || c.blocked
	}
}

// flush writes the connection's queue, as far as the link takes it.
func (c *Conn) flush() {
	if c.state == stateDead {
		return
	}
	if q := c.out; q != nil {
		for !c.blocked && !q.empty() {
			n, full, err := c.link.Write(q.next())
			if c.took(n, full, err); err != nil {
				return
			}
		}
		if !q.empty() {
			limit := c.loop.server.options.MaxPending
			if q.patient = q.patient && (q.replay > 0 || q.cost() > limit); q.patient {
				limit *= replayPatience
			}
			if q.cost() > limit {
				c.lost(ErrSlow)
			}
			return
		}
		c.releaseQueue()
	}
	if c.state == stateClosing {
		c.drain()
	}
}

// took handles the result of a write of the queue.
func (c *Conn) took(n int, full bool, err error) {
	c.loop.owed -= n
	c.out.advance(n)
	switch {
	case err != nil:
		c.lost(err)
	case full:
		c.block()
	}
}

// flushTouched writes the queues that have got something in this round. Most have one piece:
// the answer to a handshake or to a request. These are written together.
func (l *loop) flushTouched() {
	for _, c := range l.touched {
		c.touched = false
		if t := c.link.Target(); t.FD >= 0 && c.state != stateDead && !c.blocked && c.out != nil && len(c.out.next()) == 1 {
			l.single = append(l.single, c)
			l.singleTargets = append(l.singleTargets, t)
			l.singlePieces = append(l.singlePieces, c.out.next()[0])
			if len(l.single) == writesPerYield {
				l.writeSingle()
				runtime.Gosched()
			}
			continue
		}
		c.flush()
	}
	l.writeSingle()
	clear(l.touched)
	l.touched = l.touched[:0]
}

// writeSingle writes to each connection of single its piece.
func (l *loop) writeSingle() {
	if len(l.single) == 0 {
		return
	}
	l.poller.WriteEach(l.singleTargets, l.singlePieces, l.written[:])
	for i, c := range l.single {
		w := &l.written[i]
		c.took(w.N, w.Full || w.N < len(l.singlePieces[i]), w.Err)
		c.flush()
	}
	clear(l.single)
	clear(l.singleTargets)
	clear(l.singlePieces)
	l.single, l.singleTargets, l.singlePieces = l.single[:0], l.singleTargets[:0], l.singlePieces[:0]
}

// replayPatience is how many times MaxPending may be pending for a connection that starts
// with a replay, until its peer has received everything once. A peer that is still reading
// the replay is not a slow one, although live frames wait for it meanwhile.
const replayPatience = 4

// releaseQueue empties the queue and returns it to the loop.
func (c *Conn) releaseQueue() {
	l := c.loop
	l.owed -= c.out.bytes
	c.out.reset()
	if len(l.queues) < maxSpareQueues {
		l.queues = append(l.queues, c.out)
	}
	c.out = nil
	c.mark()
}

// maxSpareQueues is how many empty queues a loop keeps.
const maxSpareQueues = 1024

// writable is called by the link when it takes more. It has taken n bytes of
// the pieces that it was given when it was full.
func (c *Conn) writable(n int) {
	if n > 0 {
		c.loop.owed -= n
		c.out.advance(n)
	}
	c.blocked = false
	c.mark()
	c.flush()
	c.rearm()
}

// alive records that the peer has shown activity.
func (c *Conn) alive() { c.seen = c.loop.now }

// rearm tells the link which events the connection waits for.
func (c *Conn) rearm() {
	if c.state != stateNew && c.state != stateDead {
		c.link.Want(c.wantsInput(), c.blocked)
	}
}
