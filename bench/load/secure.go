//go:build linux

package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// secured are clients on their way through the handshake of TLS, which crypto/tls
// makes on a goroutine of theirs. From then on it works on the fleet's thread, on
// a socket that does not wait.
type secured struct {
	ctx    context.Context
	cancel context.CancelFunc
	wake   int // an eventfd
	dials  sync.WaitGroup

	mu    sync.Mutex // guards ready
	ready []dialed
}

// dialed is what became of a dial.
type dialed struct {
	client *Client
	conn   *tls.Conn
	fd     int
	err    error
}

// wakeSlot is the eventfd among the slots of clients.
const wakeSlot = -1

func (s *secured) init(epoll int) (err error) {
	if s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("create an eventfd: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, s.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot})
}

// dial connects a client and makes the handshake of TLS; take has the result.
func (s *secured) dial(c *Client, to netip.AddrPort, h *Handshake) {
	s.dials.Go(func() {
		d := dialed{client: c}
		d.conn, d.fd, d.err = dialSecure(s.ctx, to, h)
		s.mu.Lock()
		s.ready = append(s.ready, d)
		s.mu.Unlock()
		unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) //nolint:errcheck // It fails when it is loud already.
	})
}

func (s *secured) take() []dialed {
	var count [8]byte
	unix.Read(s.wake, count[:]) //nolint:errcheck // The next member that is ready wakes it again.
	s.mu.Lock()
	defer s.mu.Unlock()
	ready := s.ready
	s.ready = nil
	return ready
}

// close ends the handshakes under way.
func (s *secured) close() {
	s.cancel()
	s.dials.Wait()
	for _, d := range s.ready {
		if d.err == nil {
			unix.Close(d.fd)
		}
	}
	unix.Close(s.wake)
}

// handshakeWithin is how long a server may take for the handshake of TLS.
const handshakeWithin = 20 * time.Second

func dialSecure(ctx context.Context, to netip.AddrPort, h *Handshake) (*tls.Conn, int, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeWithin)
	defer cancel()
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		failed := raw.Control(func(fd uintptr) { err = prepare(int(fd), h.ReceiveBuffer) })
		return errors.Join(failed, err)
	}}
	tcp, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, 0, err
	}
	defer tcp.Close()
	w := &wire{Conn: tcp}
	conn := tls.Client(w, h.TLS)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, 0, fmt.Errorf("make the handshake of TLS: %w", err)
	}
	// Go's own poller must not watch it any more.
	raw, err := tcp.(*net.TCPConn).SyscallConn() //nolint:forcetypeassert // That is what tcp is.
	if err != nil {
		return nil, 0, err
	}
	failed := raw.Control(func(fd uintptr) { w.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(failed, err); err != nil {
		return nil, 0, fmt.Errorf("take the socket over: %w", err)
	}
	w.Conn = nil
	return conn, w.fd, nil
}

// wire is what crypto/tls reads from and writes to: first a net.Conn, which waits,
// then the socket, which does not.
type wire struct {
	net.Conn
	fd int
}

// errAgain says that nothing is there to be read yet, and is a net.Error that is
// temporary: crypto/tls gets over it.
var errAgain = os.ErrDeadlineExceeded

func (w *wire) Read(p []byte) (int, error) {
	if w.Conn != nil {
		return w.Conn.Read(p)
	}
	n, err := unix.Read(w.fd, p)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return 0, errAgain
	case err != nil:
		return 0, err
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	default:
		return n, nil
	}
}

func (w *wire) Write(p []byte) (int, error) {
	if w.Conn != nil {
		return w.Conn.Write(p)
	}
	return writeWhole(w.fd, p)
}

// connectSecured takes the clients that have made the handshake of TLS.
func (f *Fleet) connectSecured() {
	for _, d := range f.secured.take() {
		c := d.client
		switch {
		case d.err != nil:
			f.end(c, d.err)
		case c.closed:
			unix.Close(d.fd)
		default:
			c.fd, c.tls = d.fd, d.conn
			f.place(c)
			if err := f.watch(c, unix.EPOLL_CTL_ADD, unix.EPOLLOUT); err != nil {
				f.end(c, err)
			}
		}
	}
}

// readSecure reads until nothing is left: epoll does not know what crypto/tls has.
func (f *Fleet) readSecure(c *Client) {
	for !c.closed {
		n, err := c.tls.Read(f.buf)
		if n > 0 {
			f.Reads++
			if err := f.arrived(c, f.buf[:n]); err != nil {
				f.end(c, err)
				return
			}
		}
		switch {
		case errors.Is(err, errAgain):
			return
		case errors.Is(err, io.EOF):
			f.end(c, errEOF)
		case err != nil:
			f.end(c, err)
		}
	}
}
