package websocket

import (
	"runtime"

	"confab/internal/rfc6455"
)

// look is called by the wheel when a time of the connection may have come.
func (l *loop) look(c *Conn) {
	switch c.state {
	case stateOpen:
		c.lookOpen()
	case stateClosing, stateDraining:
		if l.now >= c.check {
			c.lost(ErrIdle)
		}
	}
	c.schedule()
}

// lookOpen handles the deadline of an open connection, pings the peer or times the
// connection out.
func (c *Conn) lookOpen() {
	l := c.loop
	if c.deadline != 0 && l.now >= c.deadline {
		c.deadline = 0
		c.reachDeadline()
	}
	if c.resumeAt != 0 && l.now >= c.resumeAt {
		c.thawed()
	}
	if c.check == 0 || c.state != stateOpen {
		return
	}
	interval := c.pingInterval()
	// Without reading, activity of the peer cannot be seen; resume resets the time.
	if l.now-c.seen >= 2*interval && c.resumeAt == 0 && c.pause.Load() == notPaused {
		c.lost(ErrIdle)
		return
	}
	if l.now < c.check {
		return
	}
	// In a group with a shorter interval, any input of the peer counts as a Pong, so a Ping
	// can wait. Pings at Options.PingInterval are always sent, because they also keep
	// proxies from closing a connection on which the server is silent.
	if silent := l.now - c.seen; interval < int64(l.server.options.PingInterval) && silent < interval-l.tick {
		c.check = c.seen + interval
		return
	}
	c.check = l.now + interval
	// A peer with pending output shows activity by taking it.
	if c.out == nil {
		c.ping()
	}
}

// pingFrame is a Ping without a payload, which a round writes to all that are due.
var pingFrame = [][]byte{rfc6455.AppendHeader(nil, rfc6455.Ping, 0)}

// ping sends a Ping in this round.
func (c *Conn) ping() {
	t := c.link.Target()
	if t.FD < 0 || c.blocked {
		c.owe(pingFrame[0])
		return
	}
	c.loop.pings = append(c.loop.pings, c)
	c.loop.pinged = append(c.loop.pinged, t)
}

// writePings writes the Pings of this round, as part.flush writes the output of a group.
func (l *loop) writePings() {
	for first := 0; first < len(l.pings); first += writesPerYield {
		some := l.pinged[first:min(first+writesPerYield, len(l.pings))]
		l.poller.WriteAll(some, pingFrame, l.written[:])
		for i := range some {
			switch c, w := l.pings[first+i], &l.written[i]; {
			case w.N < len(pingFrame[0]):
				c.fallBehind(pingFrame, w.N, w.Err)
			case w.Full:
				c.block()
			}
		}
		if len(some) == writesPerYield {
			runtime.Gosched()
		}
	}
	clear(l.pings)
	clear(l.pinged)
	l.pings, l.pinged = l.pings[:0], l.pinged[:0]
}

// pingInterval returns the time between two pings; not positive if there are none.
func (c *Conn) pingInterval() int64 {
	interval := int64(c.loop.server.options.PingInterval)
	if p := c.part; p != nil && interval > 0 {
		if soon := p.group.marked.Load(); soon > 0 && p.expects(soon, c.loop.now) {
			return soon
		}
		if own := p.group.ping.Load(); own > 0 {
			return own
		}
	}
	return interval
}

// For this many intervals after a mark, members are pinged at the shorter interval. A
// member that sends nothing is dropped after two of them.
const markedFor = 3

// expects reports whether the members are pinged at the interval because of a mark.
func (p *part) expects(interval, now int64) bool {
	at := p.marked.Load()
	return at > 0 && now-at < markedFor*interval
}

// expect starts to ping the members at the interval, after a mark. If an earlier mark is
// still in force, they are pinged at it already.
func (p *part) expect(interval int64) {
	now := p.loop.time()
	if p.expects(interval, now+interval) {
		p.marked.Store(now)
		return
	}
	p.loop.post(func() {
		expected := p.expects(interval, p.loop.now)
		p.marked.Store(max(now, 1))
		if !expected {
			p.pingSooner()
		}
	})
}

// pingSooner brings the next pings of the members forward to the group's interval.
func (p *part) pingSooner() {
	for _, c := range p.conns {
		if c.state != stateOpen {
			continue
		}
		c.alive() // It was not pinged at this interval before, so its silence until now means nothing.
		if interval := c.pingInterval(); c.check > p.loop.now+interval {
			c.check = p.loop.now + p.loop.spread(interval)
		}
		c.schedule()
	}
}

func (c *Conn) reachDeadline() {
	defer c.caught()
	c.loop.server.handler.Deadline(c)
}

// schedule sets the connection's timer to the next time at which something is due.
func (c *Conn) schedule() {
	l := c.loop
	if c.state == stateNew || c.state == stateDead {
		return
	}
	due := c.check
	if c.state == stateOpen {
		if due != 0 {
			if dead := c.seen + 2*c.pingInterval(); dead > l.now {
				due = min(due, dead)
			}
		}
		if c.resumeAt != 0 && (due == 0 || c.resumeAt < due) {
			due = c.resumeAt
		}
		if c.deadline != 0 && (due == 0 || c.deadline < due) {
			due = c.deadline
		}
	}
	if due == 0 {
		l.wheel.remove(c)
		return
	}
	l.wheel.set(c, (due+l.tick-1)/l.tick)
}
