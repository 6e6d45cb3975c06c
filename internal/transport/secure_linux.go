package transport

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

// NewTLSListener is tls.NewListener for connections that a poller adopts. They are
// served without goroutines, as plain sockets are. Connections
// of tls.NewListener itself cost one or two goroutines each.
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
	return &wire{Conn: n, hello: &hello{conn: n}}, nil
}

// wire is what crypto/tls reads from and writes to. Until a loop takes it over, it
// uses its net.Conn, which blocks. After that it uses the socket and never blocks.
// Read returns errAgain when there is no input, which crypto/tls treats as temporary.
// Write always buffers and never fails, because crypto/tls treats any write error as
// permanent.
type wire struct {
	net.Conn
	hello *hello // what Conn is read through until the client's first record was read
	fd    int32
	out   []byte // written by crypto/tls, not sent yet
	ended bool   // later writes are discarded
}

// NetConn returns the underlying connection. It is nil once a loop has taken it over.
func (w *wire) NetConn() net.Conn { return w.Conn }

// errAgain means that there is no input yet. It is a net.Error that is temporary.
var errAgain = os.ErrDeadlineExceeded

func (w *wire) Read(p []byte) (int, error) {
	if w.hello != nil {
		n, done, err := w.hello.read(p)
		if done {
			w.hello = nil
		}
		return n, err
	}
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

// SetWriteDeadline does nothing after the take-over. crypto/tls still calls it then,
// but its writes do not block.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.Conn != nil {
		return w.Conn.SetWriteDeadline(t)
	}
	return nil
}

// secure is the link of a TLS connection that epoll watches.
type secure struct {
	socket
	tls       *tls.Conn
	wire      *wire
	finishing bool // FIN is sent after wire.out
}

// adoptSecure takes over a connection of NewTLSListener. It returns nil for other
// connections.
func (e *epoll) adoptSecure(o Owner, n *tls.Conn) (*secure, error) {
	w, ok := n.NetConn().(*wire)
	if !ok {
		return nil, nil
	}
	fd, err := duplicate(w.Conn, e.options.MaxUnsent)
	if err != nil {
		n.Close()
		return nil, err
	}
	if fd < 0 {
		return nil, nil
	}
	w.Close()
	w.Conn, w.fd = nil, int32(fd) // A net.Conn is 400 bytes, closed or not.
	return &secure{socket: e.socket(o, fd), tls: n, wire: w}, nil
}

// Start watches the socket, and reads input that crypto/tls may have buffered.
func (s *secure) Start(slot int32) error {
	err := s.socket.Start(slot)
	if err == nil {
		s.epoll.loop.Post(s.read)
	}
	return err
}

func (s *secure) event(events uint32) { dispatch(s.owner, s, events) }

// readsPerEvent bounds how long others wait for one connection: a read returns at
// most one record, of 16 KiB.
const readsPerEvent = 2

// read reads until no input is left: epoll does not see what crypto/tls has buffered.
func (s *secure) read() {
	o := s.owner
	for range readsPerEvent {
		if o.Dead() {
			return
		}
		if !o.WantsInput() {
			// Stop epoll from watching for input, so that a later Want reads again.
			// Otherwise epoll might wait in vain: all input may be inside crypto/tls.
			s.socket.Want(false, s.armed&unix.EPOLLOUT != 0)
			return
		}
		n, err := s.tls.Read(s.epoll.input)
		// crypto/tls may have answered a message of TLS itself, such as a KeyUpdate.
		if !s.push() {
			s.full()
		}
		if n > 0 && !o.Dead() {
			o.Arrived(s.epoll.input[:n])
		}
		switch {
		case errors.Is(err, errAgain):
			return
		case err != nil:
			o.Lost(err)
			return
		}
	}
	s.epoll.loop.Post(s.read)
}

func (s *secure) Want(read, write bool) {
	again := read && s.armed&unix.EPOLLIN == 0
	s.socket.Want(read, write)
	if again {
		s.epoll.loop.Post(s.read)
	}
}

// Write encrypts the pieces into as few records as possible and sends them. It is
// full when the socket has not taken all bytes. The rest is small, because at most
// one record is encrypted ahead.
func (s *secure) Write(pieces [][]byte) (n int, full bool, err error) {
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
			s.wire.out = o.cipher[:0] // It was empty: the link is not full.
			if _, err := s.tls.Write(some); err != nil {
				return n, false, err
			}
			o.cipher = s.wire.out[:0]
			n += len(some)
			if !s.push() {
				// The rest is in memory that belongs to the loop.
				s.wire.out = bytes.Clone(s.wire.out)
				return n, true, nil
			}
		}
	}
	return n, false, nil
}

// seal encrypts at most one record into memory. The caller must send the returned
// bytes at once and then call sent.
func (s *secure) seal(plain, memory []byte) ([]byte, error) {
	s.wire.out = memory[:0]
	_, err := s.tls.Write(plain)
	sealed := s.wire.out
	s.wire.out = nil
	return sealed, err
}

// sent keeps the bytes of sealed that the socket has not taken. It reports whether
// there are any: the link is full then.
func (s *secure) sent(sealed []byte, n int) (full bool) {
	if n < len(sealed) {
		s.wire.out = bytes.Clone(sealed[n:])
	}
	return n < len(sealed)
}

// maxRecord is the maximum plaintext of a TLS record (RFC 8446, section 5.1).
const maxRecord = 16 << 10

// push sends wire.out and reports whether all of it was sent.
func (s *secure) push() bool {
	w := s.wire
	for len(w.out) > 0 && !s.owner.Dead() {
		one := [1][]byte{w.out}
		n, err := s.epoll.outlet.write(s.fd, one[:])
		switch {
		case err != nil:
			s.owner.Lost(err)
			return false
		case n == 0:
			return false
		}
		w.out = w.out[n:]
	}
	w.out = nil
	if s.finishing {
		s.finishing = false
		s.socket.Finish()
	}
	return true
}

// Finish ends the outgoing direction, of TLS and of the socket. Later answers of
// crypto/tls are discarded: a write after FIN would be an error.
func (s *secure) Finish() {
	if err := s.tls.CloseWrite(); err != nil {
		s.owner.Lost(err)
		return
	}
	s.wire.ended = true
	s.finishing = true
	if !s.push() {
		s.full()
	}
}

// maxUnsent is the limit of wire.out: the record that was encrypted ahead and as
// much again for answers of crypto/tls to a peer that does not read.
const maxUnsent = 2 * maxRecord

// full is called when push has not sent everything. No more output may be written
// until push has sent the rest.
func (s *secure) full() {
	if len(s.wire.out) > maxUnsent {
		s.owner.Lost(ErrSlow)
		return
	}
	s.owner.Block()
}

func (s *secure) Target() Target { return Target{FD: s.fd, secure: s} }
