package websocket

import (
	"encoding/binary"

	"confab/internal/rfc6455"
)

// receiving reports whether messages are accepted.
func (c *Conn) receiving() bool {
	return c.state == stateOpen && !c.inputOver && c.resumeAt == 0 && c.pause.Load() != paused
}

// wantsInput reports whether the link should read. A closing connection reads
// even if it is paused: unread input would turn the close into a reset, and the
// peer would lose data that it has not read yet.
func (c *Conn) wantsInput() bool {
	return c.state != stateOpen || c.resumeAt == 0 && c.pause.Load() != paused
}

// arrived handles input. It modifies p and keeps no reference to it.
func (c *Conn) arrived(p []byte) {
	c.alive()
	if c.state == stateOpen && !c.inputOver {
		c.chargeRead(len(p))
		c.parse(p)
	}
}

// parse parses input and keeps what it cannot parse yet.
func (c *Conn) parse(p []byte) {
	r := c.in
	if r == nil {
		r = &c.loop.parser
	}
	own := len(r.Rest) > 0
	if own {
		p, r.Rest = append(r.Rest, p...), nil
	}
	var err error
	if c.receiving() {
		p, err = r.Parse(p, c.loop.server.options.MaxMessage, (*receiver)(c))
	}
	if err != nil {
		c.violated(err)
	}
	if c.state != stateOpen || c.inputOver {
		*r, c.in = rfc6455.Parser{}, nil
		return
	}
	if own {
		r.Rest = p
	} else if len(p) > 0 {
		r.Rest = append([]byte(nil), p...)
	}
	switch {
	case r.Idle():
		*r, c.in = rfc6455.Parser{}, nil
	case c.in == nil:
		c.in = new(rfc6455.Parser)
		*c.in, *r = *r, rfc6455.Parser{}
	}
}

// resume continues reading and parsing after a pause.
func (c *Conn) resume() {
	c.pause.CompareAndSwap(resumed, notPaused)
	if !c.receiving() {
		return
	}
	// During the pause, activity of the peer could not be seen.
	c.alive()
	if c.in != nil {
		c.parse(nil)
	}
	c.rearm()
}

// receiver implements rfc6455.Receiver for a Conn.
type receiver Conn

// Message passes a message to the Handler.
func (r *receiver) Message(op rfc6455.Opcode, payload []byte) bool {
	c := (*Conn)(r)
	defer c.caught()
	c.charge()
	c.loop.server.handler.Message(c, op, payload)
	return c.receiving()
}

// Ping answers a ping of the peer, after the Handler's answers to earlier input.
func (r *receiver) Ping(payload []byte) bool {
	c := (*Conn)(r)
	c.charge()
	frame := rfc6455.AppendFrame(nil, rfc6455.Pong, payload)
	c.loop.post(func() {
		if c.state == stateOpen {
			c.oweCopy(frame)
		}
	})
	return c.receiving()
}

// Pong takes the confirmation of a mark. Its arrival has been recorded as activity.
func (r *receiver) Pong(payload []byte) bool {
	c := (*Conn)(r)
	c.charge()
	if len(payload) == markSize {
		c.confirmed.Store(max(c.confirmed.Load(), binary.BigEndian.Uint64(payload)))
	}
	return c.receiving()
}

// Close answers the peer's Close frame with the same status.
func (r *receiver) Close(code uint16, reason string) bool {
	c := (*Conn)(r)
	c.hangUp(&CloseError{Code: code, Reason: reason}, rfc6455.CloseFrame(code, ""))
	return false
}
