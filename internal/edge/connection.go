package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/rfc6455"
	"confab/internal/websocket"
)

// connection is one client: the socket on one side, the session on the other.
// It implements messaging.Conn.
//
// Frames arrive on the socket's event loop, which must not wait. So they are
// queued, and a worker, which the connection has only while there is something to
// do, carries them out one after another: a client's requests never overtake each
// other, and a request that waits (for a transcript, a review, a home on
// another node) holds up its own connection only.
type connection struct {
	endpoint *Endpoint
	session  *messaging.Session
	giveBack func() // the places that it takes; nil without limits

	// mu guards the fields below.
	mu       sync.Mutex
	socket   *websocket.Conn // nil until attached
	ending   *messaging.Ending
	finished bool // the socket was told to end
	queue    []request
	serving  *request // the one that is carried out now
	working  bool
	paused   bool
}

// request is a frame of the client that waits for its turn.
type request struct {
	frame    []byte
	binary   bool
	received time.Time
	overRate bool
}

// A client that sends faster than it is served is not read from until its queue
// is short again.
const (
	pauseAt  = 16
	resumeAt = 4
)

// Send queues a frame for this client alone.
func (c *connection) Send(json []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket != nil && !c.finished {
		c.socket.Send(json)
	}
}

// attached tells the connection its socket. What the loops report may come
// earlier than this call, so they wait for it on c.mu.
func (c *connection) attached(socket *websocket.Conn) {
	c.socket = socket
	if c.ending != nil {
		c.finish()
	}
}

// message takes a frame from the loop. It does not block.
func (c *connection) message(op rfc6455.Opcode, payload []byte) {
	now := c.endpoint.now()
	r := request{
		frame:    append([]byte(nil), payload...),
		binary:   op != rfc6455.Text,
		received: now,
		overRate: c.session.Count(now),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Whoever is told that the session is over says so after what it answers; until
	// then the client cannot know.
	if c.finished || c.ending != nil && c.ending.Error == 0 {
		return
	}
	c.queue = append(c.queue, r)
	if len(c.queue) >= pauseAt && !c.paused {
		c.paused = true
		c.socket.Pause()
	}
	if !c.working {
		c.working = true
		c.endpoint.workers.serve(c)
	}
}

// work carries requests out until there are none left.
func (c *connection) work() {
	for {
		c.mu.Lock()
		c.serving = nil
		if c.paused && len(c.queue) <= resumeAt {
			c.paused = false
			c.socket.Resume()
		}
		if len(c.queue) == 0 || c.finished || c.endpoint.workers.ctx.Err() != nil {
			c.queue, c.working = nil, false
			if c.ending != nil {
				c.finish()
			}
			c.mu.Unlock()
			return
		}
		r := c.queue[0]
		c.queue, c.serving = c.queue[1:], &r
		c.mu.Unlock()
		c.serve(r)
	}
}

// serveWithin bounds one request; it is far above what any part may take.
const serveWithin = 30 * time.Second

// serve carries out one request and answers with an ERROR frame if it fails.
func (c *connection) serve(r request) {
	ctx, cancel := context.WithTimeout(c.endpoint.workers.ctx, serveWithin)
	defer cancel()
	if r.binary {
		c.fail(ctx, "", chat.Errorf(chat.Invalid, "A request is a text frame"))
		return
	}
	a, err := decodeAction(r.frame)
	if err == nil {
		err = c.do(ctx, a, messaging.Request{ID: a.RequestID, Received: r.received, OverRate: r.overRate})
	}
	if err != nil {
		c.fail(ctx, a.RequestID, err)
	}
}

// do carries an action out, and makes an error of a panic: nobody else's session
// may end for it. The value of the panic is kept if it comes from the runtime;
// others may hold what a user wrote.
func (c *connection) do(ctx context.Context, a action, req messaging.Request) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case runtime.Error:
			err = fmt.Errorf("panic: %w\n%s", v, debug.Stack())
		default:
			err = fmt.Errorf("panic\n%s", debug.Stack())
		}
	}()
	switch a.Name {
	case chat.SendMessage:
		return c.session.SendMessage(ctx, req, a.Content, a.Attributes)
	case chat.DeleteMessage:
		return c.session.DeleteMessage(ctx, req, a.ID, a.Reason)
	default:
		return c.session.DisconnectUser(ctx, req, a.UserID, a.Reason)
	}
}

// fail sends the ERROR frame that err stands for.
func (c *connection) fail(ctx context.Context, requestID string, err error) {
	f := c.failure(ctx, requestID, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serving = nil
	c.answer(f)
}

// answer sends an ERROR frame. The caller holds c.mu.
func (c *connection) answer(f *chat.Failure) {
	if c.socket != nil && !c.finished {
		c.endpoint.countError(f.Code)
		c.socket.Send(f.AppendJSON(nil))
	}
}

// failure makes the ERROR frame that err stands for.
func (c *connection) failure(ctx context.Context, requestID string, err error) *chat.Failure {
	f := &chat.Failure{RequestID: requestID, Code: chat.CodeOf(err).Wire().ErrorCode, Message: "Internal error"}
	e, known := errors.AsType[*chat.Error](err)
	if known && e.Code != chat.Internal {
		f.Message, f.ID = e.Message, e.ID
	} else {
		c.endpoint.o.Log.LogAttrs(ctx, slog.LevelError, "A messaging request failed", slog.Any("error", err))
	}
	if f.ID == "" {
		f.ID = chat.NewID()
	}
	if len(f.RequestID) > messaging.MaxRequestIDLength {
		f.RequestID = ""
	}
	return f
}

// closed tells the session that its connection is gone. What the client asked
// for before it went is still carried out, unless the endpoint closes first.
func (c *connection) closed(cause error) {
	c.mu.Lock()
	why := c.ending
	c.mu.Unlock()
	name := endingOf(cause)
	if why != nil {
		name = why.Name
	}
	c.endpoint.forget(c)
	c.endpoint.o.Metrics.SessionsEnded.WithLabelValues(name).Inc()
	c.session.Leave()
}

// endingOf names the way in which a connection ended that we did not end.
func endingOf(cause error) string {
	_, broken := errors.AsType[*rfc6455.ProtocolError](cause)
	switch {
	case broken:
		return "protocol error"
	case errors.Is(cause, websocket.ErrSlow):
		return "too slow"
	case errors.Is(cause, websocket.ErrIdle):
		return "dead peer"
	case errors.Is(cause, websocket.ErrPanic):
		return "internal error"
	case errors.Is(cause, websocket.ErrServerClosed):
		return "stopped"
	default:
		return "left"
	}
}
