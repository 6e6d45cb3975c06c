package websocket

import "confab/internal/rfc6455"

// receiving tells whether messages are taken.
func (c *Conn) receiving() bool {
	return c.state == stateOpen && !c.deaf && c.thaw == 0 && c.pause.Load() != paused
}

// wantsInput tells whether the transport should read. A connection that is
// being closed reads on, whoever paused it: unread input would turn the close
// into a reset, which costs the peer what it has not read yet.
func (c *Conn) wantsInput() bool {
	return c.state != stateOpen || c.thaw == 0 && c.pause.Load() != paused
}

// arrived takes input, which it changes, and keeps no reference to it.
func (c *Conn) arrived(p []byte) {
	c.alive()
	if c.state == stateOpen && !c.deaf {
		c.chargeRead(len(p))
		c.parse(p)
	}
}

// parse takes input and keeps what it cannot use yet.
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
	if c.state != stateOpen || c.deaf {
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

// resume goes on where the connection was paused.
func (c *Conn) resume() {
	c.pause.CompareAndSwap(resumed, notPaused)
	if !c.receiving() {
		return
	}
	// Nobody could tell whether the peer was alive.
	c.alive()
	if c.in != nil {
		c.parse(nil)
	}
	c.rearm()
}

// receiver is a Conn as its parser sees it.
type receiver Conn

// Message hands a message to the Handler.
func (r *receiver) Message(op rfc6455.Opcode, payload []byte) bool {
	c := (*Conn)(r)
	defer c.caught()
	c.charge()
	c.loop.server.handler.Message(c, op, payload)
	return c.receiving()
}

// Ping answers a ping of the peer, behind what the Handler has sent in answer to
// earlier input.
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

// Pong needs no answer: that it arrived is enough.
func (r *receiver) Pong() bool {
	c := (*Conn)(r)
	c.charge()
	return c.receiving()
}

// Close answers the peer's Close frame with its own status.
func (r *receiver) Close(code uint16, reason string) bool {
	c := (*Conn)(r)
	c.hangUp(&CloseError{Code: code, Reason: reason}, rfc6455.CloseFrame(code, ""))
	return false
}
