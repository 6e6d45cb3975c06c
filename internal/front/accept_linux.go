package front

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// plainListener accepts connections that Go's poller does not watch until they need it. A
// handshake then costs five system calls: accept4, read, and the event loop's setsockopt,
// epoll_ctl and write.
type plainListener struct {
	net.Listener
	file *os.File // a duplicate of the descriptor; a net.Listener cannot be waited for
	raw  syscall.RawConn

	// mu is held during Accept, and guards the fields below. They belong to the listener,
	// so that an Accept makes nothing but its connection.
	mu     sync.Mutex
	accept func(listener uintptr) bool // acceptNow
	from   unix.RawSockaddrAny
	size   uint32 // of from
	fd     int
	errno  syscall.Errno
}

// AcceptPlain returns a listener for a port without TLS that accepts the connections of
// ln for fewer system calls. It accepts a connection when the client's first bytes have
// arrived, or about a second later. If ln is no TCP port, AcceptPlain returns it as it is.
func AcceptPlain(ln net.Listener) (net.Listener, error) {
	if _, ok := ln.(*net.TCPListener); !ok {
		return ln, nil
	}
	fd, err := duplicate(ln)
	if err != nil {
		return nil, err
	}
	// Connections inherit the option.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set up the socket %s: %w", ln.Addr(), err)
	}
	// The system completes a connection when its first bytes arrive, or after about a second.
	// So the first read does not wait, which would cost Go's poller and a second descriptor,
	// and a client that sends nothing costs less. A system without the option is slower.
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1) //nolint:errcheck // See above.
	l := &plainListener{Listener: ln, file: os.NewFile(uintptr(fd), "listener")}
	l.accept = l.acceptNow
	if l.raw, err = l.file.SyscallConn(); err == nil {
		err = l.file.SetReadDeadline(time.Time{}) // It fails if Go's poller does not watch the file.
	}
	if err != nil {
		l.file.Close()
		return nil, fmt.Errorf("wait for the socket %s: %w", ln.Addr(), err)
	}
	return l, nil
}

// Accept waits for a connection.
func (l *plainListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	closed := l.raw.Read(l.accept)
	switch {
	case closed != nil:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	case l.errno != 0:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: os.NewSyscallError("accept4", l.errno)}
	}
	c := &plainConn{fd: l.fd}
	c.from(&l.from)
	return c, nil
}

// acceptNow accepts a connection, and returns false if there is none. It does not block, so
// the call is a raw one.
func (l *plainListener) acceptNow(listener uintptr) bool {
	for {
		l.size = unix.SizeofSockaddrAny
		fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, listener,
			uintptr(unsafe.Pointer(&l.from)), uintptr(unsafe.Pointer(&l.size)), //nolint:gosec // A raw system call takes addresses.
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case unix.EINTR, unix.ECONNABORTED:
		case unix.EAGAIN:
			return false
		default:
			l.fd, l.errno = int(fd), errno
			return true
		}
	}
}

// Close also ends a wait.
func (l *plainListener) Close() error {
	return errors.Join(l.file.Close(), l.Listener.Close())
}
