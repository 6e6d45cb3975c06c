package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"confab/internal/websocket"
)

// handshakes answers the handshakes that a door has read; see edge.Endpoint.Serve.
type handshakes interface {
	Serve(conn net.Conn, upgrade *websocket.Upgrade, forwarded string, early []byte) (rest []byte, again bool)
}

// door is a listener that takes plain WebSocket handshakes out of what it
// accepts, and is the listener of net/http for everything else: calls of the API,
// and handshakes of unusual form. To read a handshake with net/http and to take
// its connection over costs more than the rest of it.
type door struct {
	net.Listener
	handshakes handshakes
	others     chan net.Conn
	errs       chan error
	silent     newcomers
	visitors   sync.WaitGroup // run, and connections that are nobody's yet
	closing    sync.Once
	closed     chan struct{}
}

func newDoor(ln net.Listener, h handshakes) *door {
	return &door{
		Listener: ln, handshakes: h,
		others: make(chan net.Conn), errs: make(chan error), closed: make(chan struct{}),
		silent: newcomers{conns: make(map[net.Conn]struct{})},
	}
}

// open begins to accept connections. It is called once, before leave.
func (d *door) open() { d.visitors.Go(d.run) }

// Accept returns the next connection that is for net/http.
func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.others:
		return conn, nil
	case err := <-d.errs:
		return nil, err
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// lock accepts nobody any more. Who is there is served as before.
func (d *door) lock() { d.Listener.Close() }

// leave locks the door and waits until nobody is at it any more: those who are
// silent get a moment, handshakes under way get until ctx ends.
func (d *door) leave(ctx context.Context) {
	d.lock()
	nobody := make(chan struct{})
	go func() {
		d.visitors.Wait()
		close(nobody)
	}()
	grace := time.AfterFunc(newcomerGrace, d.silent.close)
	defer grace.Stop()
	select {
	case <-nobody:
	case <-ctx.Done():
	}
}

// Close ends Accept, too: who comes from there is not served any more.
func (d *door) Close() error {
	d.closing.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// run accepts connections until the door is locked. Other errors go to net/http,
// which knows when to try again.
func (d *door) run() {
	for {
		conn, err := d.Listener.Accept()
		if err == nil {
			d.silent.track(conn, http.StateNew)
			d.visitors.Go(func() { d.receive(conn) })
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		select {
		case d.errs <- err:
		case <-d.closed:
			return
		}
	}
}

// headSize is how long the head of a handshake may be here; longer ones, with
// tokens of more than about 3 KB, are for net/http. Its reader, of this size too,
// takes all that was read here at once.
const headSize = 4096

var heads = sync.Pool{New: func() any { return new([headSize]byte) }}

// receive reads from a connection until it is clear whose it is.
func (d *door) receive(conn net.Conn) {
	buf := heads.Get().(*[headSize]byte) //nolint:forcetypeassert // See heads.
	defer heads.Put(buf)
	err := conn.SetReadDeadline(time.Now().Add(headerTimeout))
	n := 0
	for err == nil {
		var m int
		m, err = conn.Read(buf[n:])
		if n == 0 {
			d.silent.track(conn, http.StateActive)
		}
		n += m
		if upgrade, forwarded, size := websocket.ParseHead(buf[:n]); size > 0 {
			if rest, again := d.handshakes.Serve(conn, upgrade, forwarded, buf[size:n]); again {
				d.pass(conn, rest)
			}
			return
		}
		if n == headSize || !websocket.MayUpgrade(buf[:n]) {
			break
		}
	}
	if n == 0 {
		d.silent.track(conn, http.StateClosed)
		conn.Close()
		return
	}
	d.pass(conn, buf[:n])
}

// pass gives a connection to net/http, with what was read from it.
func (d *door) pass(conn net.Conn, early []byte) {
	select {
	case d.others <- &begun{Conn: conn, early: append([]byte(nil), early...)}:
	case <-d.closed:
		conn.Close()
	}
}

// begun is a connection of which the first bytes were read. Apart from them it is
// what it was to net/http and to the event loops.
type begun struct {
	net.Conn
	early []byte
}

var (
	_ syscall.Conn                    = (*begun)(nil)
	_ interface{ CloseWrite() error } = (*begun)(nil)
)

func (b *begun) Read(p []byte) (int, error) {
	if len(b.early) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.early)
	b.early = b.early[n:]
	return n, nil
}

// SyscallConn is for the event loops, which write to the socket themselves.
func (b *begun) SyscallConn() (syscall.RawConn, error) {
	if c, ok := b.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// CloseWrite is for net/http, which lets a client read an answer before it closes.
func (b *begun) CloseWrite() error {
	if c, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
