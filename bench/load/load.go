//go:build linux

// Package load is a load generator: thousands of WebSocket clients on one thread. It connects
// them, writes for them, and passes every message that they receive to a Receiver. It is cheap
// enough to measure the server and not itself: raw system calls, one shared buffer, no
// goroutine and no allocation for a message.
//
// A Ledger compares what was received with what was sent: no message is lost or repeated, and
// all clients get the same order.
package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receiver is called with what happens to the clients of a Fleet, on the fleet's
// thread.
type Receiver interface {
	// Message is called for every message. The payload is valid during the call.
	Message(c *Client, payload []byte, now time.Duration)
	// Closed is the last call for a client that the server has ended. The cause
	// is io.EOF without, and a *CloseError with a Close frame, or what the
	// system or the handshake said.
	Closed(c *Client, cause error)
}

// Fleet is a set of clients. Its methods belong to one goroutine, which should
// be locked to its thread.
type Fleet struct {
	// Reads counts the reads that brought something.
	Reads int64

	receiver Receiver
	epoll    int
	start    time.Time
	secured  secured
	clients  []*Client // by slot
	free     []int32   // slots
	opening  int       // clients before their handshake's end
	open     int
	events   [256]unix.EpollEvent
	buf      []byte
}

// NewFleet returns a fleet without clients.
func NewFleet(r Receiver) (*Fleet, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll descriptor: %w", err)
	}
	f := &Fleet{receiver: r, epoll: fd, start: time.Now(), buf: make([]byte, 256<<10)}
	return f, f.secured.init(fd)
}

// Now is the fleet's clock.
func (f *Fleet) Now() time.Duration { return time.Since(f.start) }

// Open returns how many clients have ended their handshake and are connected.
func (f *Fleet) Open() int { return f.open }

// Opening returns how many clients are in their handshake.
func (f *Fleet) Opening() int { return f.opening }

// Close ends all clients, with resets, so that no port waits.
func (f *Fleet) Close() {
	for _, c := range f.clients {
		if c != nil {
			f.Drop(c)
		}
	}
	f.secured.close()
	unix.Close(f.epoll)
}

// Dial starts to connect a client.
func (f *Fleet) Dial(to netip.AddrPort, h Handshake) (*Client, error) {
	c := &Client{Room: h.Room, Value: h.Value, fd: -1, slot: -1, handshake: &h}
	if h.TLS != nil {
		f.opening++
		f.secured.dial(c, to, &h)
		return c, nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	c.fd = fd
	if err := f.dial(c, to, h.ReceiveBuffer); err != nil {
		unix.Close(fd)
		return nil, err
	}
	f.opening++
	return c, nil
}

func (f *Fleet) dial(c *Client, to netip.AddrPort, receiveBuffer int) error {
	if err := prepare(c.fd, receiveBuffer); err != nil {
		return err
	}
	address := &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	if err := unix.Connect(c.fd, address); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect to %s: %w", to, err)
	}
	f.place(c)
	if err := f.watch(c, unix.EPOLL_CTL_ADD, unix.EPOLLOUT); err != nil {
		f.forget(c)
		return err
	}
	return nil
}

// prepare sets the options of a client's socket.
func prepare(fd, receiveBuffer int) error {
	if receiveBuffer > 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return fmt.Errorf("set a receive buffer: %w", err)
		}
	}
	unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) //nolint:errcheck // Ports would run out later.
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)                      //nolint:errcheck // It would be slower.
	return nil
}

// place gives a client its slot.
func (f *Fleet) place(c *Client) {
	if n := len(f.free); n > 0 {
		c.slot, f.free = f.free[n-1], f.free[:n-1]
		f.clients[c.slot] = c
		return
	}
	c.slot = int32(len(f.clients))
	f.clients = append(f.clients, c)
}

func (f *Fleet) watch(c *Client, op int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: c.slot}
	if err := unix.EpollCtl(f.epoll, op, c.fd, &ev); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

func (f *Fleet) forget(c *Client) {
	f.clients[c.slot] = nil
	f.free = append(f.free, c.slot)
}

// Stall stops or resumes reading for a client.
func (f *Fleet) Stall(c *Client, stalled bool) error {
	if c.closed {
		return nil
	}
	var events uint32
	if !stalled {
		events = unix.EPOLLIN
	}
	return f.watch(c, unix.EPOLL_CTL_MOD, events)
}

// Drop ends a client with a reset. The receiver is not told.
func (f *Fleet) Drop(c *Client) {
	if c.closed {
		return
	}
	if c.handshake != nil {
		f.opening--
	} else {
		f.open--
	}
	c.closed = true
	if c.slot >= 0 {
		unix.Close(c.fd)
		f.forget(c)
	}
}

// Ended tells whether the client's connection is over.
func (c *Client) Ended() bool { return c.closed }

func (f *Fleet) end(c *Client, cause error) {
	if c.closed {
		return
	}
	f.Drop(c)
	f.receiver.Closed(c, cause)
}

// Poll handles what has happened, and waits for something at most so long.
func (f *Fleet) Poll(wait time.Duration) error {
	timeout := 0
	if wait > 0 {
		timeout = max(int((wait+time.Millisecond/2)/time.Millisecond), 1)
	}
	n, err := unix.EpollWait(f.epoll, f.events[:], timeout)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for sockets: %w", err)
	}
	for i := range max(n, 0) {
		ev := &f.events[i]
		if ev.Fd == wakeSlot {
			f.connectSecured()
		} else if c := f.clients[ev.Fd]; c != nil {
			f.event(c, ev.Events)
		}
	}
	return nil
}

func (f *Fleet) event(c *Client, events uint32) {
	if events&unix.EPOLLOUT != 0 && c.handshake != nil {
		if err := f.connected(c); err != nil {
			f.end(c, err)
		}
		return
	}
	if c.tls != nil {
		f.readSecure(c)
		return
	}
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(c.fd),
		uintptr(unsafe.Pointer(&f.buf[0])), //nolint:gosec // A raw system call takes addresses.
		uintptr(len(f.buf)))
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
	case errno != 0:
		f.end(c, errno)
	case n == 0:
		f.end(c, errEOF)
	default:
		f.Reads++
		if err := f.arrived(c, f.buf[:n]); err != nil {
			f.end(c, err)
		}
	}
}

// Send writes a frame for a client, which must fit into the socket's buffer.
func (f *Fleet) Send(c *Client, frame []byte) error {
	if c.closed {
		return errEOF
	}
	var err error
	if c.tls != nil {
		_, err = c.tls.Write(frame)
	} else {
		_, err = writeWhole(c.fd, frame)
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func writeWhole(fd int, p []byte) (int, error) {
	n, err := unix.Write(fd, p)
	if err == nil && n < len(p) {
		err = errors.New("the socket is full")
	}
	return n, err
}
