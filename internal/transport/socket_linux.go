package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is the link of a connection that epoll watches.
type socket struct {
	owner Owner
	epoll *epoll
	fd    int32
	slot  int32  // negative until epoll watches it
	armed uint32 // the events that epoll watches for
}

func (e *epoll) socket(o Owner, fd int) socket {
	return socket{owner: o, epoll: e, fd: int32(fd), slot: -1}
}

// Adopt implements Poller. A plain socket that Go's own poller watches is duplicated and
// its net.Conn is closed, because two pollers must not watch it.
func (e *epoll) Adopt(o Owner, n net.Conn) (Link, error) {
	if t, ok := n.(*tls.Conn); ok {
		s, err := e.adoptSecure(o, t)
		if err != nil {
			return nil, err
		}
		if s != nil {
			return s, nil
		}
	}
	if d, ok := n.(Detacher); ok {
		if fd, ok := d.Detach(); ok {
			limitUnsent(fd, e.options.MaxUnsent)
			s := e.socket(o, fd)
			return &s, nil
		}
	}
	fd, err := duplicate(n, e.options.MaxUnsent)
	if err != nil {
		n.Close()
		return nil, err
	}
	if fd < 0 {
		return newStream(e.loop, o, n, e.options.Patience), nil
	}
	n.Close()
	s := e.socket(o, fd)
	return &s, nil
}

// duplicate returns a new descriptor of the socket of n, or -1 if n is not a plain
// stream socket. A TCP socket is set to send data at once (TCP_NODELAY), and to
// buffer at most unsent bytes that its peer has no room for (TCP_NOTSENT_LOWAT).
func duplicate(n net.Conn, unsent int) (int, error) {
	source, ok := n.(syscall.Conn)
	if !ok {
		return -1, nil
	}
	raw, err := source.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("reach the socket: %w", err)
	}
	fd := -1
	var failed error
	if inner, ok := n.(interface{ NetConn() net.Conn }); ok {
		n = inner.NetConn()
	}
	if _, ok := n.(*net.TCPConn); ok {
		// Go has already set it to send at once and not to block.
		err = raw.Control(func(s uintptr) {
			limitUnsent(int(s), unsent)
			fd, failed = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0)
		})
		if err = errors.Join(err, failed); err != nil {
			return -1, fmt.Errorf("take the socket over: %w", err)
		}
		return fd, nil
	}
	err = raw.Control(func(s uintptr) {
		kind, err := unix.GetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_TYPE)
		if err != nil || kind != unix.SOCK_STREAM {
			return
		}
		domain, err := unix.GetsockoptInt(int(s), unix.SOL_SOCKET, unix.SO_DOMAIN)
		switch {
		case err != nil:
			return
		case domain == unix.AF_INET || domain == unix.AF_INET6:
			if failed = unix.SetsockoptInt(int(s), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); failed != nil {
				return
			}
			limitUnsent(int(s), unsent)
		case domain != unix.AF_UNIX:
			return
		}
		if fd, failed = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0); failed == nil {
			failed = unix.SetNonblock(fd, true)
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, fmt.Errorf("take the socket over: %w", err)
	}
	return fd, nil
}

// limitUnsent limits how many bytes a TCP socket buffers for which its peer has no room.
// Otherwise the kernel buffers megabytes for a peer that does not read, and a ping after
// them arrives too late. Old or emulated kernels do not have the option.
func limitUnsent(fd, bytes int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bytes) //nolint:errcheck // See above.
}

func (s *socket) Start(slot int32) error {
	s.armed, s.slot = unix.EPOLLIN, slot
	ev := unix.EpollEvent{Events: s.armed, Fd: slot}
	if err := unix.EpollCtl(s.epoll.fd, unix.EPOLL_CTL_ADD, int(s.fd), &ev); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

// watched is a link that epoll watches.
type watched interface {
	// event handles events of epoll.
	event(events uint32)
	// read reads the available input.
	read()
	// push sends what the link has buffered, and reports whether that was all.
	push() bool
}

func (s *socket) event(events uint32) { dispatch(s.owner, s, events) }

// push does nothing: a socket buffers nothing.
func (s *socket) push() bool { return true }

// dispatch handles epoll's events of a connection.
func dispatch(o Owner, w watched, events uint32) {
	if o.Dead() {
		return
	}
	if events&unix.EPOLLOUT != 0 {
		// The peer reads. That counts as activity, because the peer sees a ping
		// only after all pending output.
		o.Alive()
		if w.push() {
			o.Writable(0)
		}
	}
	const gone = unix.EPOLLERR | unix.EPOLLHUP
	switch {
	case o.Dead() || events&(unix.EPOLLIN|gone) == 0:
	case o.WantsInput():
		w.read()
	case events&gone != 0:
		// epoll would report it again forever, and the peer is gone.
		o.Lost(unix.ECONNRESET)
	default:
		o.Rearm()
	}
}

// read reads the available input, as much as fits into epoll.input.
func (s *socket) read() {
	buf := s.epoll.input
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(s.fd),
		uintptr(unsafe.Pointer(&buf[0])), //nolint:gosec // A raw system call takes addresses.
		uintptr(len(buf)))
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0:
		s.owner.Lost(errno)
	case n == 0:
		s.owner.Lost(io.EOF)
	default:
		s.owner.Arrived(buf[:n])
	}
}

func (s *socket) Write(pieces [][]byte) (n int, full bool, err error) {
	n, err = s.epoll.outlet.write(s.fd, pieces)
	size := 0
	for _, p := range pieces[:min(len(pieces), maxVectors)] {
		size += len(p)
	}
	return n, n < size, err
}

func (s *socket) Want(read, write bool) {
	var events uint32
	if read {
		events |= unix.EPOLLIN
	}
	if write {
		events |= unix.EPOLLOUT
	}
	if events == s.armed {
		return
	}
	s.armed = events
	ev := unix.EpollEvent{Events: events, Fd: s.slot}
	if err := unix.EpollCtl(s.epoll.fd, unix.EPOLL_CTL_MOD, int(s.fd), &ev); err != nil {
		s.owner.Lost(fmt.Errorf("watch a socket: %w", err))
	}
}

func (s *socket) Finish() {
	if err := unix.Shutdown(int(s.fd), unix.SHUT_WR); err != nil {
		s.owner.Lost(err)
	}
}

func (s *socket) Close() {
	if s.slot >= 0 {
		// Otherwise epoll would report more events while another process shares the
		// descriptor, between fork and exec.
		unix.EpollCtl(s.epoll.fd, unix.EPOLL_CTL_DEL, int(s.fd), nil) //nolint:errcheck // It is closed next.
	}
	unix.Close(int(s.fd))
}

func (s *socket) Target() Target { return Target{FD: s.fd} }
