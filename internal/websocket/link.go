package websocket

import "confab/internal/transport"

// How a loop and its connections look to the package transport.

// Woke implements transport.Loop.
func (l *loop) Woke() {
	l.asleep.Store(false)
	l.now = l.time()
}

// Link implements transport.Loop.
func (l *loop) Link(slot int32) transport.Link { return l.conns[slot].link }

// Post implements transport.Loop.
func (l *loop) Post(f func()) bool { return l.post(f) }

// Go implements transport.Loop.
func (l *loop) Go(f func()) { l.server.helpers.Go(f) }

// owner implements transport.Owner for a Conn.
type owner Conn

func (o *owner) Arrived(p []byte) { (*Conn)(o).arrived(p) }
func (o *owner) Writable(n int)   { (*Conn)(o).writable(n) }
func (o *owner) Block()           { (*Conn)(o).block() }
func (o *owner) Alive()           { (*Conn)(o).alive() }
func (o *owner) Lost(cause error) { (*Conn)(o).lost(cause) }
func (o *owner) Dead() bool       { return o.state == stateDead }
func (o *owner) WantsInput() bool { return (*Conn)(o).wantsInput() }
func (o *owner) Rearm()           { (*Conn)(o).rearm() }
