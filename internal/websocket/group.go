package websocket

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/rfc6455"
)

// Group is a set of connections that all receive the same frames. It need not be
// closed: it is garbage once its creator and all connections have dropped their
// references.
type Group struct {
	server *Server

	// mu guards the fields below, and count, dirty and frames of the parts.
	mu     sync.Mutex
	chain  chain
	frames int64   // delivered so far
	parts  []*part // the parts that have members
	count  int     // members on all loops
	behind int     // parts that are dirty

	ping, marked atomic.Int64 // the times of PingEvery

	_ [32]byte // See cacheLine.
}

// NewGroup returns a group without members.
func (s *Server) NewGroup() *Group {
	return &Group{server: s, chain: newChain()}
}

// Deliver queues a text frame for every member, after everything delivered before,
// and returns the number of members. It does not block and does not keep text. The
// text must be valid UTF-8.
func (g *Group) Deliver(text []byte) int { return g.DeliverAnd(text, nil) }

// DeliverAnd is Deliver. If then is not nil, it is called with the group locked: a
// connection that joins later starts behind the text, and its Attachment.Before is called
// after then. then must not block and must not call the group.
func (g *Group) DeliverAnd(text []byte, then func()) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if then != nil {
		defer then()
	}
	if g.count == 0 {
		return 0
	}
	g.frames++
	g.appendLocked(rfc6455.Text, text)
	return g.count
}

// markSize is the size of the payload of a mark.
const markSize = 8

// AppendMark appends the Ping that Mark sends, for frames that one peer gets first.
func AppendMark(b []byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(rfc6455.AppendHeader(b, rfc6455.Ping, markSize), number)
}

// Mark sends a number in a Ping behind everything delivered so far. The peer's Pong confirms
// that it has received all before: see Conn.Confirmed.
func (g *Group) Mark(number uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.count == 0 {
		return
	}
	g.appendLocked(rfc6455.Ping, binary.BigEndian.AppendUint64(nil, number))
	if interval := g.marked.Load(); interval > 0 {
		for _, p := range g.parts {
			p.expect(interval)
		}
	}
}

// appendLocked appends a frame to the output of all members.
func (g *Group) appendLocked(op rfc6455.Opcode, payload []byte) {
	g.chain.append(op, payload)
	for _, p := range g.parts {
		if !p.dirty {
			p.dirty = true
			g.behind++
			p.loop.markDirty(p)
		}
	}
}

// end returns the end of everything delivered so far.
func (g *Group) end() cursor {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.chain.end()
}

// A group uses another loop when each of those that it uses has this many of its members: a
// wake-up and the start of a write cost as much as some deliveries.
const spreadAbove = 64

// enter counts a new member. It returns its part, the position where its output starts,
// and what before returns.
func (g *Group) enter(before func() First) (*part, cursor, First) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var first First
	if before != nil {
		first = before()
	}
	at := g.chain.end()
	if !first.Replay {
		at = g.start()
	}
	p := g.choose()
	p.count++
	g.count++
	return p, at, first
}

// PingEvery sets the time between two pings of the members, present and later ones: as a rule,
// and for a while behind a mark, so that a member that does not confirm it is noticed soon. 0
// is Options.PingInterval. Without pings by those options there are none.
func (g *Group) PingEvery(interval, behindMark time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.marked.Store(int64(behindMark))
	if g.ping.Swap(int64(interval)) == int64(interval) {
		return
	}
	for _, p := range g.parts {
		p.loop.post(p.pingSooner)
	}
}

// choose returns the part for the next member: the one with the fewest, so that all loops take
// about equally long to write to the group. It adds a loop when all have enough members.
func (g *Group) choose() *part {
	var fewest *part
	for _, p := range g.parts {
		if fewest == nil || p.count < fewest.count {
			fewest = p
		}
	}
	if fewest != nil && (fewest.count < spreadAbove || len(g.parts) == len(g.server.loops)) {
		return fewest
	}
	p := &part{group: g, loop: g.server.quietest(g.parts), frames: g.frames, flushed: g.chain.end(), last: longAgo}
	p.trail.begin(p.flushed)
	g.parts = append(g.parts, p)
	return p
}

// leave removes a member from the counts. It is called on the part's loop.
func (g *Group) leave(p *part) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.countOut(p)
	if p.count == 0 {
		p.letGo()
	}
}

// leaveUnseen removes a member from the counts that was never added to its loop.
func (g *Group) leaveUnseen(p *part) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.countOut(p)
}

// countOut removes a member from the counts. With the last member it removes the
// part: its cursor would not advance any more and would keep all later output in
// memory. The next member on that loop gets a new part. The caller holds g.mu.
func (g *Group) countOut(p *part) {
	g.count--
	if p.count--; p.count == 0 {
		g.parts = slices.DeleteFunc(g.parts, func(q *part) bool { return q == p })
	}
}
