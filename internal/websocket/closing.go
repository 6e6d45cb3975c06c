package websocket

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"

	"confab/internal/rfc6455"
)

// The end of a connection. A closing handshake, of either side, is: (hangUp →) shut →
// (pending output is written) → drain → (the peer closes) → lost → release.
// Every other end starts at lost.

// shut ends the connection for the application. Its pending output is still
// written, and after it last, the Close frame if there is one.
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

// violated responds to a protocol violation with a Close frame.
func (c *Conn) violated(err error) {
	code, reason := rfc6455.StatusProtocolError, ""
	if p, ok := err.(*rfc6455.ProtocolError); ok { //nolint:errorlint // The parser's errors are not wrapped.
		code, reason = p.Code, p.Reason
	}
	c.hangUp(err, rfc6455.CloseFrame(code, reason))
}

// hangUp shuts the connection because of its input. Later input is ignored. The
// Handler's answers to earlier input, and frames delivered to the group before,
// are written first.
func (c *Conn) hangUp(cause error, last []byte) {
	c.inputOver = true
	c.shutLater(cause, last)
}

// drain sends FIN and waits for the FIN of the peer. Closing a socket that has
// unread input would send a reset. The peer's system would then discard data that
// the peer has not read yet, such as the reason for the disconnect.
func (c *Conn) drain() {
	c.state = stateDraining
	c.link.Finish()
	c.giveUpLater()
}

// giveUpLater starts the timeout of the current state.
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
	c.loop.failed = append(c.loop.failed, failure{c, cause})
}

// failure is a connection that is to be released, with the cause.
type failure struct {
	conn  *Conn
	cause error
}

// release frees everything that belongs to the connection.
func (c *Conn) release(cause error) {
	if c.joined {
		c.part.remove(c)
	}
	if c.out != nil {
		c.releaseQueue()
	}
	c.in = nil
	c.loop.wheel.remove(c)
	c.link.Close()
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

// caught ends the connection whose Handler call panicked, and no other. The value
// of the panic is logged only if it comes from the runtime: other values may
// contain a user's text.
func (c *Conn) caught() {
	v := recover()
	if v == nil {
		return
	}
	what := "a value"
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	c.loop.server.options.Log.LogAttrs(context.Background(), slog.LevelError, "WebSocket handler panicked",
		slog.String("panic", what), slog.String("stack", string(debug.Stack())))
	c.lost(ErrPanic)
}
