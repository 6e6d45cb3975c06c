package websocket

import (
	"sync/atomic"
	"time"

	"confab/internal/rfc6455"
)

// Conn is one connection. Its methods may be called by any goroutine, the
// Handler included; none of them blocks. What they do happens on the
// connection's loop, in the order of the calls and behind everything that was
// delivered to the group before the call; after the connection has ended they do
// nothing.
type Conn struct {
	loop  *loop
	part  *part // its group's share on this loop; nil without a group
	value any
	pause atomic.Uint32 // one of the states below

	// The rest belongs to the loop.
	state     state
	reported  bool // Handler.Closed has been called
	touched   bool // on loop.touched
	deaf      bool // a Close frame or a violation has arrived: input does not count any more
	blocked   bool // the transport is full and will say when it is not
	joined    bool // a member of its group; index is where
	index     int32
	slot      int32 // in loop.conns
	transport transport
	timer     timer
	ahead     cursor          // up to here it has got the group's output, if further than the others
	in        *rfc6455.Parser // nil between two messages
	out       *queue          // nil when nothing is owed
	seen      int64           // when the peer last showed life
	check     int64           // when to ping it or, once it is closing, to give it up; 0 for never
	deadline  int64           // when to call Handler.Deadline; 0 for never
	spent     int64           // until when its input has used up its rate
	thaw      int64           // when to read on after too much input; 0 when it may be read from
}

// state is how far the life of a connection has come.
type state uint8

const (
	stateNew      state = iota // the loop does not know it yet
	stateOpen                  // frames go both ways
	stateClosing               // what is owed is written; input is thrown away
	stateDraining              // all is written and FIN sent; until the peer closes, input is thrown away
	stateDead                  // nothing but its release is left
)

// The states of Conn.pause.
const (
	notPaused uint32 = iota
	paused           // as the last call of Pause or Resume said
	resumed          // as it said, and the loop has yet to go on
)

// transport carries bytes for a connection. Its methods are called on the loop
// and do not block; so are the connection's arrived, writable and lost, by which
// it answers.
type transport interface {
	// start begins to read for the connection.
	start(c *Conn) error
	// write takes what it can of the pieces, which are not changed until the
	// connection is writable again. If full it takes nothing more until then.
	write(pieces [][]byte) (n int, full bool, err error)
	// want says what the connection waits for: input, and being writable.
	want(read, write bool)
	// finish ends the outgoing direction.
	finish()
	// close ends both at once.
	close()
	// descriptor is the file descriptor that may be written to directly, or -1,
	// and whether that takes what the transport has encrypted.
	descriptor() (fd int32, secure bool)
}

// Value returns Attachment.Value.
func (c *Conn) Value() any { return c.value }

// Send queues a text frame for this connection alone. The text must be valid
// UTF-8 and is not kept.
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

// Close queues a Close frame. When it is written the connection is half-closed
// and, when the peer has closed it too or CloseTimeout is over, released: so the
// peer gets everything, the Close frame included, and no reset. The reason may
// have 123 bytes. Handler.Closed reports ErrClosed.
func (c *Conn) Close(code uint16, reason string) {
	c.shutLater(ErrClosed, rfc6455.CloseFrame(code, reason))
}

// Finish ends the connection as Close does, but without a Close frame: to the
// peer the connection is lost, and it may come back. Handler.Closed reports
// ErrFinished.
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

// Drop ends the connection at once: nothing that is queued is written, and the
// peer may see a reset. Handler.Closed reports ErrDropped.
func (c *Conn) Drop() {
	c.loop.post(func() { c.lost(ErrDropped) })
}

// Pause stops the calls of Handler.Message until Resume is called: at once if
// Message itself calls it. No more input is read meanwhile, and the peer is not
// taken for dead. There is no counting: the last call decides.
func (c *Conn) Pause() { c.pause.Store(paused) }

// Resume undoes Pause.
func (c *Conn) Resume() {
	// Unless it is undone already.
	if c.pause.CompareAndSwap(paused, resumed) {
		c.loop.post(c.resume)
	}
}

// SetDeadline replaces the time at which Handler.Deadline is called; zero is
// never. It is accurate to about a tenth of a second, and never early.
func (c *Conn) SetDeadline(t time.Time) {
	at := c.loop.when(t)
	c.loop.post(func() {
		c.deadline = at
		c.schedule()
	})
}

// end is behind everything delivered to the group so far.
func (c *Conn) end() cursor {
	if c.part == nil {
		return cursor{}
	}
	return c.part.group.end()
}
