package front

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"confab/internal/rfc6455"
)

// HandshakeServer answers the handshakes that a HandshakeListener has read. See
// edge.Endpoint.Serve.
type HandshakeServer interface {
	Serve(conn net.Conn, upgrade *rfc6455.Upgrade, forwarded string, early []byte) (rest []byte, again bool)
}

// HandshakeListener serves plain WebSocket handshakes itself. All other connections, for
// calls of the API and handshakes of unusual form, it passes to net/http, which accepts
// them from it. Reason: with net/http, reading a handshake and taking over its connection
// costs more than everything else in a connect.
type HandshakeListener struct {
	net.Listener
	ready   chan struct{} // closed when the fields below it are set
	server  HandshakeServer
	serves  func(head []byte) bool
	start   sync.Once
	others  chan net.Conn
	errs    chan error
	silent  newConns
	reading sync.WaitGroup // run, and connections without a server yet
	readers readers
	// unanswered are the connections that were passed to net/http and have got nothing yet.
	unanswered sync.WaitGroup
	closing    sync.Once
	closed     chan struct{}
}

// NewHandshakeListener returns a listener that accepts from ln after Start.
func NewHandshakeListener(ln net.Listener) *HandshakeListener {
	return &HandshakeListener{
		Listener: ln, ready: make(chan struct{}),
		others: make(chan net.Conn), errs: make(chan error), closed: make(chan struct{}),
		silent:  newConns{conns: make(map[net.Conn]struct{})},
		readers: newReaders(),
	}
}

// Start begins to accept connections and to read their heads. Further calls do nothing. If
// it is called before the server is ready, the calls of the API that arrive are served
// first, before all handshakes.
func (l *HandshakeListener) Start() { l.start.Do(func() { l.reading.Go(l.run) }) }

// ServeWith makes s serve handshakes. If serves is not nil, it reports whether a handshake
// with this head is for s; net/http gets the others. It must be called once.
func (l *HandshakeListener) ServeWith(s HandshakeServer, serves func(head []byte) bool) {
	l.server, l.serves = s, serves
	close(l.ready)
}

// Accept returns the next connection that is for net/http.
func (l *HandshakeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.others:
		return conn, nil
	case err := <-l.errs:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// StopAccepting stops accepting connections. Existing ones are still served.
func (l *HandshakeListener) StopAccepting() { l.Listener.Close() }

// Drain stops accepting connections and waits until no head is being read. Connections that
// have sent nothing are closed after a moment. Handshakes in progress may take until ctx
// ends. net/http gets a moment to read the requests that were passed to it, because it
// drops those whose heads it reads after its Shutdown has begun.
func (l *HandshakeListener) Drain(ctx context.Context) {
	l.StopAccepting()
	done := make(chan struct{})
	go func() {
		l.reading.Wait()
		close(done)
	}()
	grace := time.AfterFunc(newConnGrace, l.silent.close)
	defer grace.Stop()
	select {
	case <-done:
	case <-ctx.Done():
		return
	}
	answered := make(chan struct{})
	go func() {
		l.unanswered.Wait()
		close(answered)
	}()
	taken := time.NewTimer(newConnGrace)
	defer taken.Stop()
	select {
	case <-answered:
	case <-taken.C:
	}
}

// Close also ends Accept and closes the connections that were read for it.
func (l *HandshakeListener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// run accepts connections until the listener is closed. It passes other errors to
// net/http, which retries.
func (l *HandshakeListener) run() {
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			l.silent.track(conn, http.StateNew)
			l.readers.take(l, conn)
			// In a storm, thousands of connections wait in the Queue. Without a pause, all
			// their goroutines would be ready to run at once, and those of API calls would
			// wait behind them, at each step. With it, one connection enters each time that
			// all others had their turn.
			runtime.Gosched()
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		select {
		case l.errs <- err:
		case <-l.closed:
			return
		}
	}
}

// headSize is the largest head of a handshake that is read here. Longer ones, with tokens
// of more than about 3 KB, go to net/http. Its reader has the same size, so it takes all
// bytes that were read here at once.
const headSize = 4096

var heads = sync.Pool{New: func() any { return new([headSize]byte) }}

// deadlines are those of a head, whose time is headerTimeout. It is given in parts: after
// the whole machine, or this process alone, has stood still, the deadline has passed at
// once, and nothing that arrived meanwhile has been read. Only the time of one part is lost.
type deadlines struct {
	conn  net.Conn
	given int
}

const headerParts = 2

// extend sets the next deadline. The error is os.ErrDeadlineExceeded when all the time is
// over.
func (d *deadlines) extend() error {
	if d.given == headerParts {
		return os.ErrDeadlineExceeded
	}
	d.given++
	return d.conn.SetReadDeadline(time.Now().Add(headerTimeout / headerParts))
}

// tlsRecord is the first byte that a client of TLS sends (RFC 8446, section 5.1). No request
// begins with it.
const tlsRecord = 0x16

// receive reads from a connection until it is clear which server gets it.
func (l *HandshakeListener) receive(conn net.Conn) {
	buf := heads.Get().(*[headSize]byte) //nolint:forcetypeassert // See heads.
	head := deadlines{conn: conn}
	err := head.extend()
	n := 0
	for err == nil {
		var m int
		m, err = conn.Read(buf[n:])
		if m == 0 && errors.Is(err, os.ErrDeadlineExceeded) && head.extend() == nil {
			err = nil
			continue
		}
		if n == 0 {
			l.silent.track(conn, http.StateActive)
		}
		n += m
		if n > 0 && buf[0] == tlsRecord {
			heads.Put(buf)
			answerTLS(conn)
			return
		}
		if upgrade, forwarded, size := rfc6455.ParseHead(buf[:n]); size > 0 {
			select {
			case <-l.ready:
			case <-l.closed:
				conn.Close()
				return
			}
			if l.serves != nil && !l.serves(buf[:size]) {
				break
			}
			early := append([]byte(nil), buf[size:n]...)
			heads.Put(buf) // It may be delayed, with many others.
			l.serve(conn, upgrade, forwarded, early)
			return
		}
		if n == headSize || !rfc6455.MayUpgrade(buf[:n]) {
			break
		}
	}
	read := append([]byte(nil), buf[:n]...)
	heads.Put(buf)
	if n == 0 {
		l.silent.track(conn, http.StateClosed)
		conn.Close()
		return
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		answerLate(conn)
		return
	}
	l.pass(conn, read)
}

// serve serves a handshake. The server gets the connection that the system made, because
// taking that over needs the fewest calls.
func (l *HandshakeListener) serve(conn net.Conn, upgrade *rfc6455.Upgrade, forwarded string, early []byte) {
	own := conn
	c := socketOf(conn)
	if c != nil {
		if forwarded != "" {
			c.hides()
		}
		if !c.work() {
			return
		}
		own = c.Conn
	}
	rest, again := l.server.Serve(own, upgrade, forwarded, early)
	switch {
	case again:
		l.pass(conn, rest)
	case c != nil:
		c.leave()
	}
}

// pass passes a connection to net/http, with what was read from it, which it owns.
func (l *HandshakeListener) pass(conn net.Conn, early []byte) {
	l.unanswered.Add(1)
	c := &prefixedConn{Conn: conn, early: early, answered: sync.OnceFunc(l.unanswered.Done)}
	select {
	case l.others <- c:
	case <-l.closed:
		c.Close()
	}
}

// prefixedConn is a connection whose first bytes were already read. Apart from them,
// net/http and the event loops can use it as before.
type prefixedConn struct {
	net.Conn
	early    []byte
	answered func() // is called when the client gets something, or nothing any more
}

var (
	_ syscall.Conn                    = (*prefixedConn)(nil)
	_ interface{ CloseWrite() error } = (*prefixedConn)(nil)
)

func (c *prefixedConn) Read(p []byte) (int, error) {
	if len(c.early) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.early)
	c.early = c.early[n:]
	return n, nil
}

func (c *prefixedConn) Write(p []byte) (int, error) {
	c.answered()
	return c.Conn.Write(p)
}

// Close closes the connection.
func (c *prefixedConn) Close() error {
	c.answered()
	return c.Conn.Close()
}

// NetConn returns the connection beneath.
func (c *prefixedConn) NetConn() net.Conn { return c.Conn }

// SyscallConn is for the event loops, which write to the socket directly.
func (c *prefixedConn) SyscallConn() (syscall.RawConn, error) {
	c.answered()
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite is for net/http, which lets a client read an answer before it closes.
func (c *prefixedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
