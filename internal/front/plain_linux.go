package front

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// plainConn is a connection of a plainListener. Until it has to wait, or is written to,
// it is a bare descriptor, which an event loop can take over with Detach. After that it is
// an os.File, which waits with Go's poller.
type plainConn struct {
	remote net.TCPAddr
	ip     [net.IPv6len]byte // of remote

	// mu guards the fields below. It is not held during a wait.
	mu          sync.Mutex
	fd          int      // -1 if it is not a bare descriptor
	file        *os.File // nil if it is one, or if it was closed or detached as one
	read, write time.Time
}

var (
	_ syscall.Conn                    = (*plainConn)(nil)
	_ interface{ CloseWrite() error } = (*plainConn)(nil)
)

// from sets the remote address.
func (c *plainConn) from(a *unix.RawSockaddrAny) {
	switch a.Addr.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(a)) //nolint:gosec // The system has written one.
		c.remote.IP = c.ip[:copy(c.ip[:], v4.Addr[:])]
		c.remote.Port = portNumber(v4.Port)
	case unix.AF_INET6:
		v6 := (*unix.RawSockaddrInet6)(unsafe.Pointer(a)) //nolint:gosec // As above.
		c.remote.IP = c.ip[:copy(c.ip[:], v6.Addr[:])]
		c.remote.Port = portNumber(v6.Port)
		if v6.Scope_id != 0 {
			c.remote.Zone = strconv.FormatUint(uint64(v6.Scope_id), 10)
		}
	}
}

// portNumber returns a number that is in memory in the order of the network.
func portNumber(n uint16) int {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], n)
	return int(binary.BigEndian.Uint16(b[:]))
}

// Detach returns the descriptor, which the caller must close. The connection is closed
// afterwards. It returns false, and changes nothing, if Go's poller watches the
// connection.
func (c *plainConn) Detach() (fd int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd, c.fd = c.fd, -1
	return fd, fd >= 0
}

// Left reports whether the client of a bare descriptor has closed the connection or its
// side of it. Bytes that have arrived remain to be read, and hide an end behind them. It
// returns false if Go's poller watches the connection.
func (c *plainConn) Left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return false
	}
	var b [1]byte
	n, _, err := unix.Recvfrom(c.fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case err == nil:
		return n == 0
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false
	default:
		return true
	}
}

// waitable returns the connection as a file that can wait.
func (c *plainConn) waitable() (*os.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waitableLocked()
}

func (c *plainConn) waitableLocked() (*os.File, error) {
	if c.file != nil {
		return c.file, nil
	}
	if c.fd < 0 {
		return nil, net.ErrClosed
	}
	c.file, c.fd = os.NewFile(uintptr(c.fd), "tcp"), -1
	return c.file, errors.Join(c.file.SetReadDeadline(c.read), c.file.SetWriteDeadline(c.write))
}

func (c *plainConn) Read(p []byte) (int, error) {
	n, f, err := c.readNow(p)
	if f != nil {
		n, err = f.Read(p)
	}
	return n, c.failed("read", err)
}

// readNow reads from a bare descriptor. If there is nothing to read, it returns the file
// to read from.
func (c *plainConn) readNow(p []byte) (n int, f *os.File, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 && len(p) > 0 && (c.read.IsZero() || time.Now().Before(c.read)) {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(c.fd),
			uintptr(unsafe.Pointer(&p[0])), //nolint:gosec // A raw system call takes addresses.
			uintptr(len(p)))
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
		case errno != 0:
			return 0, nil, errno
		case n == 0:
			return 0, nil, io.EOF
		default:
			return int(n), nil, nil
		}
	}
	f, err = c.waitableLocked()
	return 0, f, err
}

func (c *plainConn) Write(p []byte) (int, error) {
	f, err := c.waitable()
	if err != nil {
		return 0, c.failed("write", err)
	}
	n, err := f.Write(p)
	return n, c.failed("write", err)
}

// Close also ends reads and writes.
func (c *plainConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil {
		return c.failed("close", c.file.Close())
	}
	fd := c.fd
	c.fd = -1
	if fd < 0 {
		return c.failed("close", net.ErrClosed)
	}
	return c.failed("close", unix.Close(fd))
}

// CloseWrite ends the outgoing direction.
func (c *plainConn) CloseWrite() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var shut error
	err = raw.Control(func(fd uintptr) { shut = unix.Shutdown(int(fd), unix.SHUT_WR) })
	return c.failed("close", errors.Join(err, shut))
}

// LocalAddr returns the address of this machine, or nil if the connection is closed.
func (c *plainConn) LocalAddr() net.Addr {
	raw, err := c.SyscallConn()
	if err != nil {
		return (*net.TCPAddr)(nil)
	}
	var a syscall.Sockaddr
	raw.Control(func(fd uintptr) { a, _ = syscall.Getsockname(int(fd)) }) //nolint:errcheck // a stays nil then.
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
	case *syscall.SockaddrInet6:
		t := &net.TCPAddr{IP: a.Addr[:], Port: a.Port}
		if a.ZoneId != 0 {
			t.Zone = strconv.FormatUint(uint64(a.ZoneId), 10)
		}
		return t
	}
	return (*net.TCPAddr)(nil)
}

// RemoteAddr returns the address of the client, or of a proxy before it.
func (c *plainConn) RemoteAddr() net.Addr { return &c.remote }

// SyscallConn is for an event loop that duplicates the descriptor.
func (c *plainConn) SyscallConn() (syscall.RawConn, error) {
	f, err := c.waitable()
	if err != nil {
		return nil, c.failed("raw-control", err)
	}
	return f.SyscallConn()
}

// SetDeadline sets both deadlines.
func (c *plainConn) SetDeadline(t time.Time) error { return c.setDeadlines(&t, &t) }

// SetReadDeadline sets the deadline of a read. It applies to one that waits, too.
func (c *plainConn) SetReadDeadline(t time.Time) error { return c.setDeadlines(&t, nil) }

// SetWriteDeadline is SetReadDeadline for writes.
func (c *plainConn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(nil, &t) }

// setDeadlines sets the deadlines that are not nil.
func (c *plainConn) setDeadlines(read, write *time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil && c.fd < 0 {
		return c.failed("set", net.ErrClosed)
	}
	if read != nil {
		c.read = *read
	}
	if write != nil {
		c.write = *write
	}
	switch {
	case c.file == nil:
		return nil
	case write == nil:
		return c.failed("set", c.file.SetReadDeadline(c.read))
	case read == nil:
		return c.failed("set", c.file.SetWriteDeadline(c.write))
	}
	return c.failed("set", c.file.SetDeadline(*read))
}

// failed returns an error in the form of package net, which net/http expects.
func (c *plainConn) failed(op string, err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // As returned by Read.
		return err
	}
	if p, ok := errors.AsType[*os.PathError](err); ok {
		err = p.Err
	}
	if errors.Is(err, os.ErrClosed) {
		err = net.ErrClosed
	}
	if errno, ok := err.(syscall.Errno); ok { //nolint:errorlint // It is not wrapped any more.
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Addr: &c.remote, Err: err}
}
