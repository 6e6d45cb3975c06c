package websocket

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
	own := len(r.rest) > 0
	if own {
		p, r.rest = append(r.rest, p...), nil
	}
	var err error
	if c.receiving() {
		p, err = r.parse(p, c.loop.server.options.MaxMessage, c)
	}
	if err != nil {
		c.violated(err)
	}
	if c.state != stateOpen || c.deaf {
		*r, c.in = parser{}, nil
		return
	}
	if own {
		r.rest = p
	} else if len(p) > 0 {
		r.rest = append([]byte(nil), p...)
	}
	switch {
	case r.idle():
		*r, c.in = parser{}, nil
	case c.in == nil:
		c.in = new(parser)
		*c.in, *r = *r, parser{}
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

// message hands a message to the Handler.
func (c *Conn) message(op Opcode, payload []byte) bool {
	defer c.caught()
	c.charge()
	c.loop.server.handler.Message(c, op, payload)
	return c.receiving()
}

// ping answers a ping of the peer, behind what the Handler has sent in answer to
// earlier input.
func (c *Conn) ping(payload []byte) bool {
	c.charge()
	frame := appendFrame(nil, opPong, payload)
	c.loop.post(func() {
		if c.state == stateOpen {
			c.oweCopy(frame)
		}
	})
	return c.receiving()
}

// pong needs no answer: that it arrived is enough.
func (c *Conn) pong() bool {
	c.charge()
	return c.receiving()
}

// closeFrame answers the peer's Close frame with its own status.
func (c *Conn) closeFrame(code uint16, reason string) bool {
	c.hangUp(&CloseError{Code: code, Reason: reason}, encodeClose(code, ""))
	return false
}
