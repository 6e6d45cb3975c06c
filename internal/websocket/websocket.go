// Package websocket is the server side of RFC 6455 for many quiet connections
// that all receive the same frames.
//
// Connections belong to a few event loops, not to goroutines. A loop is one
// goroutine that reads, parses, calls the Handler and writes for its share of
// the connections, so an idle connection costs a small struct and its socket.
//
// The connections of a room are a Group. Group.Deliver encodes a frame once, into a
// buffer that all members share. Every loop then writes all bytes since its last
// write to each of its members. This takes one system call per connection, for any
// number of frames, and no queue, lock or copy per connection. Only a connection
// whose socket is full has a queue of its own, a bounded list of references into the
// shared buffers. A connection that exceeds the bound is dropped.
//
// The package transport below moves the bytes. On Linux, epoll serves plain TCP and Unix
// sockets and the TLS connections of transport.NewTLSListener, whose crypto/tls runs on
// the loop. Any other net.Conn, and every connection on other systems, belongs to a loop
// too, but has a goroutine that reads for it and one that writes while there is output.
// Nothing else differs.
//
// Frames are ordered: frames of a connection's group, frames sent to it alone and its
// Close frame are written in the order of the calls that made them.
//
// # One round of a loop
//
// A part is the members of a group on one loop. The lists are fields of loop. An
// arrow shows where an entry moves next.
//
//	wait    input of a socket  → parser → Handler
//	        Deliver, any goroutine      → dirty   (parts)
//	        Send, Close, any goroutine  → calls   (functions)
//	choose  dirty, late  → flushing   the part's window is over
//	                     → waiting    it is not: the part comes back when it is
//	                     → again      the part is on large: it goes to late after that
//	        flushing     → each part notes how far its members will be written to
//	call    calls        → touched    (connections with pending output of their own)
//	wheel   timers       → pings, deadlines, timeouts of closing connections
//	flush   touched      → the socket; what it does not take stays in Conn.out
//	                     → single     if it is one piece: the sockets are written to together
//	write   flushing     → every member's socket, or, for a part with many members,
//	                     → large      written to in slices, over several rounds
//	        large        → late       when it is done and has become dirty meanwhile
//	reap    failed       → connections that failed are released
//
// A connection that fails during write stays in its part until reap, so that write
// can iterate over the members without a lock.
package websocket

import (
	"log/slog"
	"net"
	"time"

	"confab/internal/rfc6455"
)

// Options configure a Server. The zero value of a field is its default.
type Options struct {
	// Loops is the number of event loops; GOMAXPROCS by default.
	Loops int
	// MaxMessage is the size in bytes of the largest message that a client may
	// send; 32 KiB by default. A larger one is answered with Close 1009.
	MaxMessage int
	// InputRate is how many messages and control frames of a connection are read
	// per second, with a short burst. Bytes count too: 4 KiB as one frame, and each
	// read as at least 64 bytes. Input beyond the rate waits (backpressure), and so
	// does all input after it, including a Close frame. No limit by default.
	InputRate int
	// PingInterval is the time between two pings of the server; 45 s by default,
	// no pings when negative. A peer that shows no activity for two intervals is
	// dropped.
	PingInterval time.Duration
	// MaxPending is how many bytes may be pending for a connection whose socket is
	// full; 256 KiB by default. A connection that exceeds it is dropped.
	MaxPending int
	// DeliveryWindow is how long a group's frames are gathered into one write
	// after the group's last write. 0 gathers what arrives within one round of
	// the loop. A negative window grows with the load of the loop, up to 50 ms,
	// and 100 ms for very large groups or from 300,000 deliveries a second on. A
	// group without a write during the last window is written at once.
	DeliveryWindow time.Duration
	// Overlap is for how long a new connection still receives frames that a group
	// has written to all its members. It is for clients whose older connection may be
	// on another server, which writes the same frames a little later. 0 means no
	// overlap. Where goroutines do the writing it is at least 50 ms.
	Overlap time.Duration
	// IOURing writes to many sockets with one system call, where Linux allows it, and
	// IOSubmit does so with an older interface, where IOURing is not set or not allowed.
	// Otherwise every write is a call of its own.
	IOURing, IOSubmit bool
	// CloseTimeout is how long a closing connection may take to write its pending
	// output, and then again to be closed by the peer; 2 s by default.
	CloseTimeout time.Duration
	// PendingBytes, if set, is called when the number of pending bytes of all
	// connections changes. It is called on the loops and must not block.
	PendingBytes func(delta int)
	// Log receives panics of the Handler and other log lines; slog.Default() by
	// default.
	Log *slog.Logger

	// slice is writesPerRound, unless a test sets it to make small rooms count as large.
	slice int
	// settle is settleTime, unless a test must not depend on how busy the machine is.
	settle time.Duration
}

// Handler handles the events of connections. All calls for one connection are made
// one after another on its loop and must not block. A panic drops the connection.
type Handler interface {
	// Message is called for every message. payload is valid during the call
	// only; if op is Text it is valid UTF-8.
	Message(c *Conn, op rfc6455.Opcode, payload []byte)
	// Deadline is called when the deadline of the connection has passed.
	Deadline(c *Conn)
	// Closed is called once for every connection and is its last call. It is called
	// when the connection has ended for the application: no messages are received
	// or sent any more, and the connection has left its group. The peer may not have
	// received all output yet. The cause is a *CloseError if the peer has sent a
	// Close frame, a *ProtocolError if the peer has violated the protocol, one of
	// this package's Err variables, or an error of the system: io.EOF if the peer
	// has ended the connection without a Close frame.
	Closed(c *Conn, cause error)
}

// Attachment is the input of Attach.
type Attachment struct {
	// Conn is the connection. After a successful Attach it belongs to the server,
	// which may have closed it and use a duplicate of its descriptor. A
	// transport.Detacher saves the duplicate.
	Conn net.Conn
	// Response is the answer to the handshake. It is written first.
	Response []byte
	// Buffered is input after the handshake that has been read from Conn already.
	Buffered []byte
	// Group is the group that the connection joins; nil for none. After the
	// Response, the peer receives frames that the group has not written to all its
	// members yet, and then what is delivered after the call of Attach. So a client
	// that replaces one connection by another loses nothing. It does not receive
	// frames that all members had longer ago than Options.Overlap.
	Group *Group
	// Before, if set, returns what the peer receives between the Response and the output
	// of the Group. It must not block and must not call the group.
	Before func() First
	// Value is what Conn.Value returns.
	Value any
	// Deadline is when Handler.Deadline is called; zero for never.
	Deadline time.Time
}

// First is what a peer receives first.
type First struct {
	// Frames are whole frames. They may be shared with other connections.
	Frames [][]byte
	// Replay is set if they stand for all of the group's output so far. Then the peer
	// receives nothing of it that was delivered before the call of Before, see
	// Group.DeliverAnd, and they do not count against MaxPending.
	Replay bool
}
