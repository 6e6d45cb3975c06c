// Package transport moves the bytes of the connections of an event loop, and waits for
// their events.
//
// A Poller belongs to one loop. Adopt turns a net.Conn into a Link, which carries the
// bytes of one connection, its Owner:
//
//	net.Conn                                 Link    reads and writes with
//	a plain TCP or Unix socket               socket  epoll; raw read, write and writev
//	a connection of NewTLSListener           secure  the same, through crypto/tls
//	anything else, or a system without epoll stream  a goroutine that reads, one that writes
//
// WriteAll writes the same bytes to many Targets, and WriteEach to each its own: with io_uring or
// io_submit up to BatchSize sockets in one system call, otherwise one after another. A Target
// holds what a write needs of a link, so that a loop with many connections reads little memory
// for each.
//
// Wait, WriteAll, WriteEach and all methods of a Link are called on the loop and do not block
// (except that Wait sleeps when it is asked to). A link calls its Owner on the loop, too.
package transport

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

// Poller waits for the events of a loop's connections, and writes to them.
type Poller interface {
	// Adopt returns a link for a connection. It may close n and use a duplicate of its
	// descriptor. If it fails, n is closed. It may be called by any goroutine.
	Adopt(o Owner, n net.Conn) (Link, error)
	// Wait handles events. If there are none and sleep is set, it waits for an event, a
	// call of Wake, or the time until; the zero time means no timeout.
	Wait(sleep bool, until time.Time)
	// Wake ends a Wait. It may be called by any goroutine.
	Wake()
	// WriteAll writes the pieces to every target that is not slow, as far as its socket
	// takes them, and puts the result into results, at the target's index. There are at
	// most BatchSize targets.
	WriteAll(targets []Target, pieces [][]byte, results []Result)
	// WriteEach is WriteAll with a piece for each target, at the target's index.
	WriteEach(targets []Target, pieces [][]byte, results []Result)
	// Writes returns the system's interface that WriteAll uses, or "goroutines".
	Writes() string
	// Close releases the poller. Its links must have been closed.
	Close()
}

// Options configure a Poller.
type Options struct {
	// IOURing writes to many sockets with one system call, using io_uring. IOSubmit uses
	// io_submit instead, where io_uring is not set or not allowed. Open clears what the system
	// does not allow.
	IOURing, IOSubmit bool
	// MaxUnsent is how many bytes a socket buffers for which its peer has no room.
	MaxUnsent int
	// Patience is how long a write by a goroutine takes at least when it had to wait until
	// the peer read something.
	Patience time.Duration
	// Log receives what goes wrong.
	Log *slog.Logger
}

// BatchSize is the maximum number of targets of a WriteAll.
const BatchSize = 64

// Loop is the loop that a poller belongs to.
type Loop interface {
	// Woke is called when a Wait is over, before its events are handled.
	Woke()
	// Link returns the link of the connection in a slot. The slot has been given to
	// Link.Start.
	Link(slot int32) Link
	// Post calls f on the loop, after everything posted before. It returns false, and f is
	// not called, if the loop has stopped. It may be called by any goroutine.
	Post(f func()) bool
	// Go runs f in a goroutine that the loop's server waits for.
	Go(f func())
}

// Owner is the connection whose bytes a link carries.
type Owner interface {
	// Arrived handles input. It may change p, and does not keep it.
	Arrived(p []byte)
	// Writable is called when a link that was full takes more. It has taken n bytes of the
	// pieces that it was given when it was full.
	Writable(n int)
	// Block tells the owner that its link is full, although it did not write.
	Block()
	// Alive is called when the peer has shown activity without input.
	Alive()
	// Lost is called when the connection has failed or ended. It may be called again.
	Lost(cause error)
	// Dead reports whether Lost was called: nothing else is called after that.
	Dead() bool
	// WantsInput reports whether the link should read.
	WantsInput() bool
	// Rearm has the owner call Link.Want.
	Rearm()
}

// Link carries the bytes of a connection.
type Link interface {
	// Start starts reading. The slot identifies the connection on its loop.
	Start(slot int32) error
	// Write takes as much of the pieces as it can. They are not changed until the owner is
	// Writable again. If full, it takes nothing more until then.
	Write(pieces [][]byte) (n int, full bool, err error)
	// Want sets what the owner waits for: input, and being Writable.
	Want(read, write bool)
	// Finish ends the outgoing direction.
	Finish()
	// Close ends both directions at once.
	Close()
	// Target returns what WriteAll needs to write to the link.
	Target() Target
}

// Target is a link as WriteAll sees it. It is small, so that prefetching loads many
// targets at once.
type Target struct {
	// FD is the descriptor of the socket; negative if it must not be written to directly.
	FD int32
	// Slow has WriteAll skip the target.
	Slow   bool
	secure *secure // encrypts the output; nil for a plain socket
}

// Result is the result of a write to a target: the number of bytes written, 0 if the
// socket was full, or an error. Full means that the link has taken all bytes, but takes no
// more.
type Result struct {
	N    int
	Full bool
	Err  error
}

// ErrSlow means that the peer reads too slowly.
var ErrSlow = errors.New("the peer reads too slowly")

// Detacher is a connection that Go's own poller may not watch yet.
type Detacher interface {
	// Detach returns the descriptor of a non-blocking stream socket, which the caller must
	// close. It returns false if the poller watches it. The socket should have TCP_NODELAY.
	Detach() (fd int, ok bool)
}
