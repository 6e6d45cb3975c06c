package chatroom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// errRenew is an ERROR 401: the session is over, and a new one may begin.
var errRenew = errors.New("the session has ended")

// errDenied is a handshake that fails the same way when it is repeated: 403 for a user who
// may not be in the room, 404 for a room that is gone.
var errDenied = errors.New("the handshake was refused")

// Run connects, and reconnects after a lost connection. It returns nil when ctx ends, and a
// *Closed after a Close frame. It also returns when no connection was possible for longer
// than the patience, at once if an error is ErrFinal, and, unless the patience is without end,
// when the server refuses this user.
func (r *Room) Run(ctx context.Context) error {
	defer r.use(nil)
	patience := time.Duration(0)
	for {
		conn, token, err := r.reconnect(ctx, patience)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		patience = r.o.Patience
		err = r.serve(ctx, conn, token)
		r.use(nil)
		if ctx.Err() != nil {
			return nil
		}
		if closed, ok := errors.AsType[*Closed](err); ok {
			return closed
		}
		r.state(err)
	}
}

func (r *Room) state(lost error) {
	if r.o.State != nil {
		r.o.State(lost)
	}
}

// reconnect makes a connection: four attempts at once, then more with pauses, for as long as
// the patience.
func (r *Room) reconnect(ctx context.Context, patience time.Duration) (*websocket.Conn, Token, error) {
	lost, pause := time.Now(), shortestPause
	for attempt := 0; ; attempt++ {
		conn, token, err := r.dial(ctx)
		if err == nil || ctx.Err() != nil {
			return conn, token, err
		}
		if errors.Is(err, ErrFinal) || patience >= 0 && errors.Is(err, errDenied) {
			return nil, token, err
		}
		if attempt < retries {
			continue
		}
		if patience >= 0 && time.Since(lost) >= patience {
			return nil, token, err
		}
		r.state(err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, token, ctx.Err()
		}
		pause = min(2*pause, longestPause)
	}
}

// dial makes one attempt. The chat token travels as the subprotocol.
func (r *Room) dial(ctx context.Context) (*websocket.Conn, Token, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	token, err := r.o.Token(ctx)
	if err != nil {
		return nil, token, err
	}
	conn, res, err := websocket.Dial(ctx, r.o.URL, &websocket.DialOptions{Subprotocols: []string{token.Text}, HTTPClient: r.o.Client})
	if err != nil {
		return nil, token, refused(res, err)
	}
	if conn.Subprotocol() != token.Text {
		conn.CloseNow()
		return nil, token, errors.New("the handshake came back without the chat token; a proxy removes Sec-WebSocket-Protocol")
	}
	conn.SetReadLimit(readLimit)
	return conn, token, nil
}

// refused says why a handshake failed, in the server's words.
func refused(res *http.Response, err error) error {
	if res == nil {
		return fmt.Errorf("the Messaging API cannot be reached: %w", err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1024))
	reason := strings.TrimSpace(string(text))
	if reason == "" || strings.ContainsAny(reason, "<\n") { // These are the words of a proxy, or a page.
		return fmt.Errorf("the handshake was answered with %s, and not by the server; confab doctor finds what a proxy does wrong", res.Status)
	}
	if res.StatusCode == http.StatusForbidden || res.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: %s: %s", errDenied, res.Status, reason)
	}
	return fmt.Errorf("the handshake was refused: %s: %s", res.Status, reason)
}

// ended is the end of a connection.
type ended struct {
	conn *websocket.Conn
	err  error
}

// serve reads from a connection until it ends, and replaces it before its token does.
func (r *Room) serve(ctx context.Context, conn *websocket.Conn, token Token) error {
	ends, done := make(chan ended), make(chan struct{})
	defer close(done)
	read := func(c *websocket.Conn) {
		err := r.read(ctx, c)
		select {
		case ends <- ended{c, err}:
		case <-done:
		}
	}
	r.use(conn)
	r.state(nil)
	go read(conn)
	refresh := time.NewTimer(refreshIn(token))
	defer refresh.Stop()
	for {
		select {
		case <-ctx.Done():
			conn.Close(websocket.StatusNormalClosure, "")
			return ctx.Err()
		case e := <-ends:
			if e.conn == conn {
				conn.CloseNow()
				return e.err
			}
		case <-refresh.C:
			next, token, err := r.dial(ctx)
			if err != nil {
				conn.CloseNow()
				return err
			}
			r.use(next)
			go read(next)
			go conn.Close(websocket.StatusNormalClosure, "")
			conn = next
			refresh.Reset(refreshIn(token))
		}
	}
}

// read delivers what comes over a connection until it ends.
func (r *Room) read(ctx context.Context, conn *websocket.Conn) error {
	for {
		_, raw, err := conn.Read(ctx)
		if closed, ok := errors.AsType[websocket.CloseError](err); ok {
			return &Closed{int(closed.Code), closed.Reason}
		}
		if err != nil {
			return fmt.Errorf("the connection was lost: %w", err)
		}
		if r.deliver(raw) {
			return errRenew
		}
	}
}

// refreshIn is when the official JavaScript client makes its next connection: 60 s before
// the end of the token, or if that is too soon 30 s before it. A new token that has less than
// that left was judged by a clock that is wrong. Then the server says when the session is over,
// by an ERROR 401.
func refreshIn(t Token) time.Duration {
	const soon, sooner = 60 * time.Second, 30 * time.Second
	switch left := time.Until(t.Expires); {
	case left > soon:
		return left - soon
	case left > sooner:
		return left - sooner
	}
	return 1 << 62
}
