package websocket

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NewTLSListener is tls.NewListener for connections that a Server may take over:
// it serves them as it serves plain sockets, without goroutines. Those of
// tls.NewListener itself cost it one or two each.
func NewTLSListener(inner net.Listener, config *tls.Config) net.Listener {
	return tls.NewListener(wires{inner}, config)
}

// wires puts a wire beneath each connection.
type wires struct{ net.Listener }

func (l wires) Accept() (net.Conn, error) {
	n, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wire{Conn: n}, nil
}

// wire is what crypto/tls reads from and writes to. Until a loop takes it over it
// is its net.Conn, which waits; from then on it has none, is the socket, and never
// waits: Read fails with errAgain when nothing is there, which crypto/tls passes on
// and gets over, and Write keeps everything, for nothing that it fails with does
// crypto/tls get over.
type wire struct {
	net.Conn
	fd    int32
	out   []byte // written and not sent
	ended bool   // nothing more is written
}

// NetConn returns the connection beneath, which is nil once a loop has taken it over.
func (w *wire) NetConn() net.Conn { return w.Conn }

// errAgain says that there is nothing to read yet. It is a net.Error that is
// temporary.
var errAgain = os.ErrDeadlineExceeded

func (w *wire) Read(p []byte) (int, error) {
	if w.Conn != nil {
		return w.Conn.Read(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(w.fd),
		uintptr(unsafe.Pointer(&p[0])), //nolint:gosec // A raw system call takes addresses.
		uintptr(len(p)))
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return 0, errAgain
	case errno != 0:
		return 0, errno
	case n == 0:
		return 0, io.EOF
	default:
		return int(n), nil
	}
}

func (w *wire) Write(p []byte) (int, error) {
	if w.Conn != nil {
		return w.Conn.Write(p)
	}
	if !w.ended {
		w.out = append(w.out, p...)
	}
	return len(p), nil
}

// SetWriteDeadline is called by crypto/tls, too, which then does not wait.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.Conn != nil {
		return w.Conn.SetWriteDeadline(t)
	}
	return nil
}

// secure is the transport of a TLS connection that epoll watches.
type secure struct {
	socket
	tls       *tls.Conn
	wire      *wire
	finishing bool // FIN follows what is on the wire
}

// adoptSecure takes over a connection of NewTLSListener. It returns nil for
// others.
func (l *loop) adoptSecure(c *Conn, e *epoll, n *tls.Conn) (*secure, error) {
	w, ok := n.NetConn().(*wire)
	if !ok {
		return nil, nil
	}
	fd, err := duplicate(w.Conn, l.server.options.MaxPending)
	if err != nil {
		n.Close()
		return nil, err
	}
	if fd < 0 {
		return nil, nil
	}
	w.Close()
	w.Conn, w.fd = nil, int32(fd) // A net.Conn is 400 bytes, closed or not.
	return &secure{socket: socket{fd: int32(fd), conn: c, epoll: e}, tls: n, wire: w}, nil
}

// start watches the socket, and reads what crypto/tls may have read ahead.
func (s *secure) start(c *Conn) error {
	err := s.socket.start(c)
	if err == nil {
		c.loop.post(s.read)
	}
	return err
}

func (s *secure) event(events uint32) { dispatch(s.conn, s, events) }

// readsPerEvent bounds how long others wait for one connection: a read gives at
// most a record, of 16 KiB.
const readsPerEvent = 2

// read reads until nothing is left: epoll does not know what crypto/tls has.
func (s *secure) read() {
	c := s.conn
	for range readsPerEvent {
		if c.state == stateDead {
			return
		}
		if !c.wantsInput() {
			// want reads on, once epoll does not watch any more. It might go on
			// watching for nothing: what is left may all be within crypto/tls.
			s.socket.want(false, c.blocked)
			return
		}
		n, err := s.tls.Read(c.loop.input)
		// It may have answered a message of TLS itself, such as a KeyUpdate.
		if !s.push() {
			s.full()
		}
		if n > 0 && c.state != stateDead {
			c.arrived(c.loop.input[:n])
		}
		switch {
		case errors.Is(err, errAgain):
			return
		case err != nil:
			c.lost(err)
			return
		}
	}
	c.loop.post(s.read)
}

func (s *secure) want(read, write bool) {
	again := read && s.armed&unix.EPOLLIN == 0
	s.socket.want(read, write)
	if again {
		s.conn.loop.post(s.read)
	}
}

// write encrypts the pieces, as few records as they fit into, and sends them. It
// is full when the socket has not taken all of them; the rest is small, for no
// more than a record is encrypted ahead.
func (s *secure) write(pieces [][]byte) (n int, full bool, err error) {
	o := &s.epoll.outlet
	for len(pieces) > 0 {
		plain := pieces[0]
		pieces = pieces[1:]
		if len(pieces) > 0 && len(plain) < maxRecord {
			o.plain = append(o.plain[:0], plain...)
			for len(pieces) > 0 && len(o.plain)+len(pieces[0]) <= maxRecord {
				o.plain = append(o.plain, pieces[0]...)
				pieces = pieces[1:]
			}
			plain = o.plain
		}
		for len(plain) > 0 {
			some := plain[:min(len(plain), maxRecord)]
			plain = plain[len(some):]
			s.wire.out = o.cipher[:0] // It is empty, or the connection would be blocked.
			if _, err := s.tls.Write(some); err != nil {
				return n, false, err
			}
			o.cipher = s.wire.out[:0]
			n += len(some)
			if !s.push() {
				// What is left is in memory of the loop.
				s.wire.out = bytes.Clone(s.wire.out)
				return n, true, nil
			}
		}
	}
	return n, false, nil
}

// seal encrypts at most a record into memory. What it returns is to be sent at
// once, and sent to be told of it.
func (s *secure) seal(plain, memory []byte) ([]byte, error) {
	s.wire.out = memory[:0]
	_, err := s.tls.Write(plain)
	sealed := s.wire.out
	s.wire.out = nil
	return sealed, err
}

// sent keeps what the socket has not taken of sealed, and tells whether that is
// anything: then the transport is full.
func (s *secure) sent(sealed []byte, n int) (full bool) {
	if n < len(sealed) {
		s.wire.out = bytes.Clone(sealed[n:])
	}
	return n < len(sealed)
}

// maxRecord is how much TLS encrypts at a time (RFC 8446, section 5.1).
const maxRecord = 16 << 10

// push sends what is on the wire and tells whether that was all.
func (s *secure) push() bool {
	w := s.wire
	for len(w.out) > 0 && s.conn.state != stateDead {
		one := [1][]byte{w.out}
		n, err := s.epoll.outlet.write(s.fd, one[:])
		switch {
		case err != nil:
			s.conn.lost(err)
			return false
		case n == 0:
			return false
		}
		w.out = w.out[n:]
	}
	w.out = nil
	if s.finishing {
		s.finishing = false
		s.socket.finish()
	}
	return true
}

// finish ends the outgoing direction, of TLS and of the socket. What crypto/tls
// answers from here on is dropped: behind FIN it would be an error.
func (s *secure) finish() {
	if err := s.tls.CloseWrite(); err != nil {
		s.conn.lost(err)
		return
	}
	s.wire.ended = true
	s.finishing = true
	if !s.push() {
		s.full()
	}
}

// maxUnsent is how much may be on the wire: the record that was encrypted ahead
// and, for a peer that has crypto/tls answer and does not read, as much again.
const maxUnsent = 2 * maxRecord

// full says that push has not sent everything: until it has, nothing else may be
// written.
func (s *secure) full() {
	if len(s.wire.out) > maxUnsent {
		s.conn.lost(ErrSlow)
		return
	}
	s.conn.block()
}

func (s *secure) descriptor() (int32, bool) { return s.fd, true }
