package websocket

import (
	"log/slog"
	"runtime"
	"runtime/debug"

	"confab/internal/rfc6455"
)

// The end of a connection. A closing handshake, of either side, is: (hangUp →) shut →
// (everything owed is written) → drain → (the peer closes) → lost → release.
// Everything else goes straight to lost.

// shut ends the connection for the application. What it is owed and then last,
// the Close frame if there is one, are still written.
func (c *Conn) shut(cause error, last []byte) {
	if c.joined {
		c.part.remove(c)
	}
	c.state = stateClosing
	c.in = nil
	c.queue()
	if len(last) > 0 {
		c.owe(last)
	}
	c.giveUpLater()
	c.rearm()
	c.report(cause)
}

// violated answers a violation of the protocol with a Close frame.
func (c *Conn) violated(err error) {
	code, reason := rfc6455.StatusProtocolError, ""
	if p, ok := err.(*rfc6455.ProtocolError); ok { //nolint:errorlint // The parser's errors are not wrapped.
		code, reason = p.Code, p.Reason
	}
	c.hangUp(err, rfc6455.CloseFrame(code, reason))
}

// hangUp shuts the connection because of its input, of which nothing counts
// from here on. What the Handler has sent in answer to earlier input comes
// first, and so does what the group was delivered before.
func (c *Conn) hangUp(cause error, last []byte) {
	c.deaf = true
	c.shutLater(cause, last)
}

// drain sends FIN and waits for the peer's. Closing a socket that has unread
// input would send a reset, and the peer's system would then throw away what
// the peer has not read yet: for instance why it was disconnected.
func (c *Conn) drain() {
	c.state = stateDraining
	c.transport.finish()
	c.giveUpLater()
}

// giveUpLater bounds the time that the current state may take.
func (c *Conn) giveUpLater() {
	c.check = c.loop.now + int64(c.loop.server.options.CloseTimeout)
	c.schedule()
}

// lost ends the connection at once. It is released at the end of the round.
func (c *Conn) lost(cause error) {
	if c.state == stateNew || c.state == stateDead {
		return
	}
	c.state = stateDead
	c.loop.doomed = append(c.loop.doomed, doomed{c, cause})
}

// doomed is a connection that is to be released, and why.
type doomed struct {
	conn  *Conn
	cause error
}

// release gives back everything that belongs to the connection.
func (c *Conn) release(cause error) {
	if c.joined {
		c.part.remove(c)
	}
	if c.out != nil {
		c.releaseQueue()
	}
	c.in = nil
	c.loop.wheel.remove(c)
	c.transport.close()
	c.loop.forget(c)
	c.report(cause)
}

// report calls Handler.Closed, once.
func (c *Conn) report(cause error) {
	if c.reported {
		return
	}
	c.reported = true
	defer c.caught()
	c.loop.server.handler.Closed(c, cause)
}

// caught ends the connection whose Handler call panicked, and only it. The
// value of the panic is logged if it comes from the runtime; others may hold
// what a user wrote.
func (c *Conn) caught() {
	v := recover()
	if v == nil {
		return
	}
	what := "a value"
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	c.loop.server.options.Log.Error("The handler of a WebSocket connection panicked",
		slog.String("panic", what), slog.String("stack", string(debug.Stack())))
	c.lost(ErrPanic)
}
