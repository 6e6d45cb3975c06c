package front

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// socket is a connection of Sockets. It is beneath TLS.
type socket struct {
	net.Conn
	sockets *Sockets
	block   netip.Prefix
	private bool
	exempt  bool // from the limit of an address
	// late is set if the last Read exceeded its deadline.
	late atomic.Bool

	// sockets.mu guards the fields below.
	address *address      // nil without a limit of addresses
	element *list.Element // in sockets.waiting; nil while the connection is at work
	since   time.Time     // when it began to wait
	fresh   bool          // no request has arrived yet
	gone    bool          // it no longer counts
}

var (
	_ syscall.Conn                    = (*socket)(nil)
	_ interface{ CloseWrite() error } = (*socket)(nil)
)

// socketOf returns the socket beneath a connection, or nil.
func socketOf(conn net.Conn) *socket {
	for {
		switch c := conn.(type) {
		case *socket:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

func (c *socket) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.late.Store(err != nil && errors.Is(err, os.ErrDeadlineExceeded))
	return n, err
}

// Close closes the connection, which no longer counts.
func (c *socket) Close() error {
	c.leave()
	return c.Conn.Close()
}

// NetConn returns the connection that the system made.
func (c *socket) NetConn() net.Conn { return c.Conn }

// SyscallConn is for the event loops, which write to the socket directly.
func (c *socket) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite is for net/http, which lets a client read an answer before it closes.
func (c *socket) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// wait is called when the server waits for a request. fresh means the first one.
func (c *socket) wait(fresh bool) {
	c.late.Store(false)
	c.sockets.mu.Lock()
	defer c.sockets.mu.Unlock()
	c.waitLocked(fresh)
}

func (c *socket) waitLocked(fresh bool) {
	if c.gone || c.element != nil {
		return
	}
	c.since, c.fresh = time.Now(), fresh
	c.element = c.sockets.waiting.PushBack(c)
	if c.address != nil {
		c.address.waiting[c] = struct{}{}
	}
}

// work is called when a request arrives. It returns false if the connection was closed to
// make room.
func (c *socket) work() bool {
	c.sockets.mu.Lock()
	defer c.sockets.mu.Unlock()
	c.workLocked()
	return !c.gone
}

func (c *socket) workLocked() {
	if c.element == nil {
		return
	}
	c.sockets.waiting.Remove(c.element)
	c.element = nil
	if c.address != nil {
		delete(c.address.waiting, c)
	}
}

// leave is called when the connection is closed, or has become a session.
func (c *socket) leave() {
	c.sockets.mu.Lock()
	defer c.sockets.mu.Unlock()
	c.leaveLocked()
}

func (c *socket) leaveLocked() {
	if c.gone {
		return
	}
	c.workLocked()
	c.gone = true
	c.sockets.count--
	if c.address != nil {
		if c.address.count--; c.address.count == 0 {
			delete(c.sockets.addresses, c.block)
		}
	}
	select {
	case c.sockets.left <- struct{}{}:
	default:
	}
}

// evictLocked closes a waiting connection. Its reader detects this.
func (c *socket) evictLocked() {
	c.leaveLocked()
	c.Conn.Close()
}

// maxProxies limits how many proxies are remembered.
const maxProxies = 1024

// hides records that the address hides clients behind it: it sends X-Forwarded-For from a
// private network. See clientip.Limit.
func (c *socket) hides() {
	if !c.private || c.exempt {
		return
	}
	c.sockets.mu.Lock()
	defer c.sockets.mu.Unlock()
	if len(c.sockets.proxies) < maxProxies {
		c.sockets.proxies[c.block] = struct{}{}
	}
}

// changed is called when net/http changes the state of the connection.
func (c *socket) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.wait(true)
	case http.StateIdle:
		c.wait(false)
	case http.StateActive:
		// net/http closes a connection without an answer when its head is late, and
		// treats half of a first line as a bad one.
		if c.late.Load() {
			answerLate(conn)
		}
		c.work()
	case http.StateHijacked:
		c.leave()
	case http.StateClosed:
	}
}

// answerTime is the time limit for writing the last answer on a connection.
const answerTime = time.Second

// answerLate answers a request whose head did not arrive in time, and closes the
// connection.
func answerLate(conn net.Conn) {
	const text = "The head of the request did not arrive in time\n"
	conn.SetWriteDeadline(time.Now().Add(answerTime)) //nolint:errcheck // Then the client gets no answer.
	fmt.Fprintf(conn, "HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
	conn.Close()
}

// unreadTime is how long a refused client may continue to send. A close with unread bytes
// would discard the answer.
const unreadTime = 5 * time.Millisecond

// answerTLS answers a client that speaks TLS to a port without it, and closes the connection.
// The client fails at once, and shows these words if it shows what it got.
func answerTLS(conn net.Conn) {
	const text = "This port serves HTTP without TLS: use http:// and ws://, or --tls-cert and --tls-key\n"
	conn.SetWriteDeadline(time.Now().Add(answerTime)) //nolint:errcheck // Then the client gets no answer.
	fmt.Fprintf(conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite() //nolint:errcheck // It is closed in any case.
	}
	conn.SetReadDeadline(time.Now().Add(unreadTime)) //nolint:errcheck // As above.
	io.Copy(io.Discard, conn)                        //nolint:errcheck // As above.
	conn.Close()
}

// refuse answers that the address has too many connections. A client that uses TLS cannot
// read it.
func (c *socket) refuse() {
	body := fmt.Sprintf(`{"message":"The address has as many connections to this server as it may have: %d"}`, c.sockets.limits.PerAddress)
	c.SetWriteDeadline(time.Now().Add(answerTime))                                                                                               //nolint:errcheck // Then the client gets no answer.
	io.WriteString(c, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nX-Amzn-Errortype: ServiceQuotaExceededException\r\n"+ //nolint:errcheck // As above.
		fmt.Sprintf("Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body))
	c.CloseWrite()                                //nolint:errcheck // It is closed in any case.
	c.SetReadDeadline(time.Now().Add(unreadTime)) //nolint:errcheck // As above.
	var request [headSize]byte
	c.Read(request[:]) //nolint:errcheck // As above.
	c.Close()
}
