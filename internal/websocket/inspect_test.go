package websocket

import (
	"errors"
	"time"
)

// What only tests ask of connections and groups.

// errDropped is what Handler.Closed reports after drop.
var errDropped = errors.New("dropped by the test")

// drop ends the connection at once, as an error of the socket does: queued output is
// discarded.
func (c *Conn) drop() { c.loop.post(func() { c.lost(errDropped) }) }

// setDeadline replaces the deadline of the attachment.
func (c *Conn) setDeadline(t time.Time) {
	at := c.loop.when(t)
	c.loop.post(func() {
		c.deadline = at
		c.schedule()
	})
}

// size returns the number of members.
func (g *Group) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count
}

// pendingBytes returns the sum of what Options.PendingBytes was called with.
func (s *peerServer) pendingBytes() int64 { return s.pending.Load() }
