package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"confab/internal/rfc6455"
)

// answerTimeout is the time limit for writing a refusal.
const answerTimeout = 10 * time.Second

// Serve answers a handshake whose head rfc6455.ParseHead has read from conn, as ServeHTTP
// would. It owns conn from then on. early is what followed the head. Serve returns true
// when it refused the handshake and the client may send another request, of which rest is
// unread. A deadline that conn had for the head no longer applies.
func (e *Endpoint) Serve(conn net.Conn, upgrade *rfc6455.Upgrade, forwarded string, early []byte) (rest []byte, again bool) {
	begin := time.Now()
	ctx := &clientContext{Context: context.Background(), conn: conn}
	defer func() {
		if v := recover(); v != nil {
			// As net/http does. The panic's value may hold what a user wrote, so it is
			// not logged.
			e.o.Log.LogAttrs(ctx, slog.LevelError, "Handshake failed", slog.String("panic", string(debug.Stack())))
			conn.Close()
			rest, again = nil, false
		}
	}()
	from := e.clientOf(ctx, conn, forwarded)
	c, err := e.admit(ctx, upgrade, from)
	early = append(early, ctx.end()...)
	switch {
	case err == nil:
		e.answered(ctx, c, begin, e.attach(conn, c, upgrade, early))
		return nil, false
	case ctx.Err() != nil:
		e.lost(ctx, err)
		e.dismiss(conn)
		return nil, false
	}
	h := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	status, body := e.refuse(ctx, from.ip, h, err)
	answer := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	if conn.SetDeadline(time.Now().Add(answerTimeout)) != nil || answer.Write(conn) != nil || conn.SetDeadline(time.Time{}) != nil {
		conn.Close()
		return nil, false
	}
	return early, true
}

// dismiss answers a client that did not wait, and closes its connection. The client may
// have closed only its own side, so it gets an answer, as from ServeHTTP.
func (e *Endpoint) dismiss(conn net.Conn) {
	const answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	conn.SetWriteDeadline(time.Now().Add(answerTimeout)) //nolint:errcheck // Then the client gets no answer.
	io.WriteString(conn, answer)                         //nolint:errcheck // It has probably gone.
	conn.Close()
}

// clientContext is the context of a handshake. It ends when the client leaves. It watches
// the client only from the first call of Done, because most handshakes do not wait. Until
// then Err asks the connection, if it can tell.
type clientContext struct {
	context.Context
	conn net.Conn
	left bool // the connection has told that the client has left

	watch sync.Once
	done  chan struct{} // closed when the client has left
	ended chan struct{} // closed when read has returned
	early []byte        // what was read; valid once ended is closed
}

// teller is a connection that knows, without waiting, whether its client has left.
type teller interface{ Left() bool }

// maxUnwatched is how long a handshake waits without noticing that its client leaves. To
// watch a client costs a goroutine, a place in Go's poller, and a second descriptor when an
// event loop takes the connection over. When all clients of a node reconnect, nearly all
// handshakes wait for their turn, and only a few clients leave meanwhile.
const maxUnwatched = 10 * time.Second

// departure returns a channel that is closed when the client leaves during a wait of this
// time. It is nil for a wait that is too short to watch the client: the caller must look at
// ctx.Err after it.
func departure(ctx context.Context, wait time.Duration) <-chan struct{} {
	if c, ok := ctx.(*clientContext); ok && c.done == nil && wait <= maxUnwatched {
		if _, ok := c.conn.(teller); ok {
			return nil
		}
	}
	return ctx.Done()
}

// Done starts to watch the client.
func (c *clientContext) Done() <-chan struct{} {
	c.watch.Do(func() {
		c.done, c.ended = make(chan struct{}), make(chan struct{})
		// The head may have had a deadline. The wait for the answer has none here.
		c.conn.SetReadDeadline(time.Time{}) //nolint:errcheck // A connection that is gone says so when it is read.
		go c.read()
	})
	return c.done
}

// read waits for one byte. A client that does not wait for the answer sends one, and the
// end of the connection cannot come before it.
func (c *clientContext) read() {
	defer close(c.ended)
	var b [1]byte
	n, err := c.conn.Read(b[:])
	c.early = b[:n]
	if n == 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
		close(c.done)
	}
}

// Err is context.Canceled when the client has left.
func (c *clientContext) Err() error {
	if c.done == nil {
		if t, ok := c.conn.(teller); ok && !c.left {
			c.left = t.Left()
		}
		if c.left {
			return context.Canceled
		}
		return nil
	}
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

// end stops the watch and returns what was read meanwhile.
func (c *clientContext) end() []byte {
	if c.done == nil {
		return nil
	}
	c.conn.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // A connection that is gone has ended the watch by itself.
	<-c.ended
	return c.early
}
