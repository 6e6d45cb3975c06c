// Package websocket is the server side of RFC 6455 for many quiet connections
// that all receive the same frames.
//
// Connections belong to a few event loops, not to goroutines. A loop is one
// goroutine that reads, parses, calls the Handler and writes for its share of
// the connections, so an idle connection costs a small struct and its socket.
//
// Everybody in a room is a Group. Group.Deliver encodes a frame once, into a
// buffer that all members share, and every loop writes the bytes that came
// together since its last visit to each of its members: with one system call
// per connection however many frames there are, and without a queue, a lock or
// a copy per connection. Only a connection whose socket is full keeps something
// of its own, a bounded list of references into the shared buffers; past the
// bound it is dropped.
//
// On Linux plain TCP and Unix sockets are served by epoll, and so are the TLS
// connections of NewTLSListener, whose crypto/tls works on the loop. Any other
// net.Conn, and every connection elsewhere, belongs to a loop too, with a
// goroutine that reads for it and one that writes while there is something to
// write. Nothing else differs.
//
// What a connection sees is in order: frames of its group, frames sent to it
// alone and its Close frame leave in the order of the calls that made them.
//
// # One round of a loop
//
// A part is what a group has on one loop: its members there. The lists are fields
// of loop; an arrow says what moves an entry on.
//
//	wait    input of a socket  → parser → Handler
//	        Deliver, any goroutine      → dirty   (parts)
//	        Send, Close, any goroutine  → calls   (functions)
//	choose  dirty, late  → flushing   the part's window is over
//	                     → waiting    it is not: the part comes back when it is
//	                     → again      the part is on large: it goes to late after that
//	        flushing     → each part notes how far its members will be written to
//	call    calls        → touched    (connections that are owed something of their own)
//	wheel   timers       → pings, deadlines, closing connections whose time is over
//	flush   touched      → the socket; what it does not take stays in Conn.out
//	write   flushing     → every member's socket, or, for a part with many members,
//	                     → large      written to in slices, over several rounds
//	        large        → late       when it is done and has become dirty meanwhile
//	reap    doomed       → connections that failed are released
//
// Members are not removed from their part before reap, so that write can go through
// them without a lock.
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
	// in a second, apart from a short burst; bytes count too, 4 KiB as much as a
	// frame, and a read of a few as 64. What a client sends beyond it waits, and so
	// does what it sends behind that, its Close frame included. No limit by default.
	InputRate int
	// PingInterval is the time between two pings of the server; 45 s by default,
	// none when negative. A peer that has shown no life for two intervals is
	// dropped.
	PingInterval time.Duration
	// MaxPending is how many bytes a connection may be owed when its socket is
	// full; 256 KiB by default. Past it, the connection is dropped.
	MaxPending int
	// DeliveryWindow is how long a group's frames are gathered into one write
	// after the group's last write: 0 gathers what arrives within one round of
	// the loop, a negative window grows with the load of the loop, up to 50 ms
	// and for very large groups 100 ms. A group that has been quiet for the
	// window is written at once.
	DeliveryWindow time.Duration
	// Overlap is for how long a new connection still gets what a group has written
	// to all its members: where a client's older connection may be on another
	// server, which writes the same a little later. 0 is not at all; where goroutines
	// do the writing it is at least 50 ms.
	Overlap time.Duration
	// NoIOURing has every socket written to by a system call of its own. Otherwise
	// Linux's io_uring, where the system allows it, writes to many with one.
	NoIOURing bool
	// CloseTimeout is how long a connection that is being closed may take, once
	// to write what it is owed and once more to be closed by the peer; 2 s by
	// default.
	CloseTimeout time.Duration
	// PendingBytes, if set, is told when the bytes that connections are owed
	// grow or shrink. It is called on the loops and must not block.
	PendingBytes func(delta int)
	// Log is told about panics of the Handler; slog.Default() by default.
	Log *slog.Logger

	// slice is writesPerRound, unless a test wants small rooms to be large.
	slice int
}

// Handler is told what happens to connections. All calls for one connection are
// made one after another on its loop: they must not block. A panic drops the
// connection.
type Handler interface {
	// Message is called for every message. payload is valid during the call
	// only; if op is Text it is valid UTF-8.
	Message(c *Conn, op rfc6455.Opcode, payload []byte)
	// Deadline is called when the deadline of the connection has passed.
	Deadline(c *Conn)
	// Closed is the last call for a connection, and there is one for each. It
	// comes when the connection is over for the application, which is before
	// the peer has seen all of it: nothing is received or sent any more, and the
	// connection has left its group. The cause is a *CloseError when the peer
	// has sent a Close frame, a *ProtocolError when the peer has broken the
	// protocol, one of this package's Err variables, or what the system said:
	// io.EOF if the peer has ended the connection without a Close frame.
	Closed(c *Conn, cause error)
}

// Attachment says what Attach is to take over.
type Attachment struct {
	// Conn is the connection. After a successful Attach it belongs to the
	// server: it may have been closed in favour of a duplicate of its descriptor.
	Conn net.Conn
	// Response is the answer to the handshake, the first bytes to be written.
	Response []byte
	// Buffered is what has been read from Conn already, behind the handshake.
	Buffered []byte
	// Group is the group that the connection joins; nil for none. The peer gets
	// what is delivered after the call of Attach, behind the Response, and before
	// it what the group has not written to all its members yet: a client that
	// replaces one connection by another loses nothing. It gets nothing of what
	// they all had before Options.Overlap.
	Group *Group
	// Value is what Conn.Value returns.
	Value any
	// Deadline is when Handler.Deadline is called; zero for never.
	Deadline time.Time
}
