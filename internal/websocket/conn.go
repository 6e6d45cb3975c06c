package websocket

import (
	"sync/atomic"

	"confab/internal/rfc6455"
	"confab/internal/transport"
)

// Conn is one connection. Its methods may be called by any goroutine, also from
// the Handler, and do not block. They take effect on the connection's loop, in the
// order of the calls and after everything that was delivered to the group before
// the call. After the connection has ended they do nothing.
type Conn struct {
	loop  *loop
	part  *part // its group's members on this loop; nil without a group
	value any
	pause atomic.Uint32 // one of the states below

	confirmed atomic.Uint64 // the last mark that the peer has confirmed

	// The rest belongs to the loop.
	state     state
	reported  bool // Handler.Closed has been called
	touched   bool // on loop.touched
	inputOver bool // a Close frame or a violation has arrived: later input is ignored
	blocked   bool // the link is full and will call writable
	joined    bool // a member of its group, at index of part.conns
	index     int32
	slot      int32 // in loop.conns
	link      transport.Link
	timer     timer
	ahead     cursor          // its position in the group's output, if ahead of the other members
	in        *rfc6455.Parser // nil between two messages
	out       *queue          // nil when no output is pending
	seen      int64           // when the peer last showed activity
	check     int64           // when to ping the peer or, if closing, to time out; 0 for never
	deadline  int64           // when to call Handler.Deadline; 0 for never
	spent     int64           // up to this time its input has used what InputRate allows
	resumeAt  int64           // when to resume reading after too much input; 0 if not throttled
}

// state is a stage in the life of a connection.
type state uint8

const (
	stateNew      state = iota // not added to the loop yet
	stateOpen                  // frames are sent and received
	stateClosing               // pending output is written; input is discarded
	stateDraining              // all written, FIN sent; input is discarded until the peer closes
	stateDead                  // to be released
)

// The states of Conn.pause.
const (
	notPaused uint32 = iota
	paused           // the last call was Pause
	resumed          // the last call was Resume; the loop has not resumed yet
)

// Confirmed returns the last number of Group.Mark that the peer has received, with
// everything before it; 0 for none.
func (c *Conn) Confirmed() uint64 { return c.confirmed.Load() }

// Value returns Attachment.Value.
func (c *Conn) Value() any { return c.value }

// Send queues a text frame for this connection only. The text must be valid UTF-8
// and is not kept.
func (c *Conn) Send(text []byte) {
	frame := rfc6455.AppendFrame(make([]byte, 0, rfc6455.HeaderLen(len(text))+len(text)), rfc6455.Text, text)
	at := c.end()
	c.loop.post(func() {
		if c.state == stateOpen {
			c.catchUp(at)
			c.owe(frame)
		}
	})
}

// Close queues a Close frame. When the frame is written, the connection is
// half-closed. It is released when the peer has closed it too or CloseTimeout has
// passed. So the peer receives everything, the Close frame included, and no reset.
// The reason may have 123 bytes. Handler.Closed reports ErrClosed.
func (c *Conn) Close(code uint16, reason string) {
	c.shutLater(ErrClosed, rfc6455.CloseFrame(code, reason))
}

// Finish ends the connection as Close does, but without a Close frame: the peer
// sees a lost connection and may reconnect. Handler.Closed reports ErrFinished.
func (c *Conn) Finish() { c.shutLater(ErrFinished, nil) }

func (c *Conn) shutLater(cause error, last []byte) {
	at := c.end()
	c.loop.post(func() {
		if c.state == stateOpen {
			c.catchUp(at)
			c.shut(cause, last)
		}
	})
}

// Pause stops the calls of Handler.Message until Resume is called. It takes effect
// at once if Message itself calls it. A paused connection reads no input and does
// not time out. Calls are not counted: the last one decides.
func (c *Conn) Pause() { c.pause.Store(paused) }

// Resume undoes Pause.
func (c *Conn) Resume() {
	// Pause may have been undone already.
	if c.pause.CompareAndSwap(paused, resumed) {
		c.loop.post(c.resume)
	}
}

// end returns the end of everything delivered to the group so far.
func (c *Conn) end() cursor {
	if c.part == nil {
		return cursor{}
	}
	return c.part.group.end()
}
