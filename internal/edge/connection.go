package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/messaging"
	"confab/internal/rfc6455"
	"confab/internal/websocket"
)

// connection is one client: the socket on one side, the session on the other.
// It implements members.Conn.
//
// Frames arrive on the socket's event loop, which must not block. So they are queued, and
// a worker carries them out one after another. A connection has a worker only while its
// queue has requests. A client's requests never overtake each other. A request that waits
// (for a transcript, a review, a home on another node) delays only its own connection.
type connection struct {
	endpoint *Endpoint
	session  *messaging.Session
	giveBack func() // releases the places that it takes; nil without limits
	// attachedTo is socket, without the lock.
	attachedTo atomic.Pointer[websocket.Conn]

	// mu guards the fields below.
	mu       sync.Mutex
	socket   *websocket.Conn // nil until attached
	ending   *ending.Way
	finished bool // the socket was told to end
	queue    []request
	serving  *request // the request that is being carried out
	working  bool
	paused   bool
}

// request is a frame of the client that is queued.
type request struct {
	frame    []byte
	binary   bool
	received time.Time
	overRate bool
}

// Backpressure: when the queue reaches pauseAt, reading from the client stops until the
// queue is down to resumeAt.
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

// SendIf is Send, unless wanted returns false.
func (c *connection) SendIf(json []byte, wanted func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket != nil && !c.finished && wanted() {
		c.socket.Send(json)
	}
}

// attached sets the connection's socket. The loops may report events before this call, so
// their callbacks wait for it on c.mu.
func (c *connection) attached(socket *websocket.Conn) {
	c.socket = socket
	c.attachedTo.Store(socket)
	if c.ending != nil {
		c.finish()
	}
}

// message queues a frame from the loop. It does not block.
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
	// A session that ends with an ERROR frame still takes requests, because the client
	// cannot know of the end before that frame.
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

// work carries out requests until the queue is empty.
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

// serveWithin is the time limit of one request. It is far above that of any part.
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
	req := messaging.Request{ID: a.RequestID, Received: r.received, OverRate: r.overRate}
	switch {
	case err == nil:
		err = c.do(ctx, a, req)
	case a.Name == chat.SendMessage:
		err = c.session.RefuseMessage(req, err)
	}
	if err != nil && !errors.Is(err, messaging.ErrKicked) { // The end of a kicked session is the answer.
		c.fail(ctx, a.RequestID, err)
	}
}

// do carries out an action and turns a panic into an error, so that no other session ends
// because of it. The panic's value is kept only if it comes from the runtime. Other
// values may hold what a user wrote.
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

// fail sends the ERROR frame for err.
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

// failure returns the ERROR frame for err.
func (c *connection) failure(ctx context.Context, requestID string, err error) *chat.Failure {
	f := &chat.Failure{RequestID: requestID, Code: chat.CodeOf(err).Wire().ErrorCode, Message: "Internal error"}
	e, known := errors.AsType[*chat.Error](err)
	if known && e.Code != chat.Internal {
		f.Message, f.ID = e.Message, e.ID
	} else {
		c.endpoint.o.Log.LogAttrs(ctx, slog.LevelError, "Messaging request failed", slog.Any("error", err))
	}
	if f.ID == "" {
		f.ID = chat.NewID()
	}
	if len(f.RequestID) > messaging.MaxRequestIDLength {
		f.RequestID = ""
	}
	return f
}

// closed removes the session of a connection that is gone. Requests that the client sent
// before are still carried out, unless the endpoint closes first.
func (c *connection) closed(cause error) {
	c.mu.Lock()
	why := c.ending
	c.mu.Unlock()
	name := endingOf(cause)
	if why != nil {
		name = why.Name
	}
	c.endpoint.o.Metrics.SessionsEnded.WithLabelValues(name).Inc()
	c.session.Part(parting(cause, why)) // A server that stops waits for this, too.
	c.endpoint.forget(c)
}

// parting returns how a connection ended.
func parting(cause error, why *ending.Way) catchup.Parting {
	_, closed := errors.AsType[*websocket.CloseError](cause)
	switch {
	case why != nil && why.Error != 0:
		return catchup.Refused
	case why != nil:
		return catchup.Removed
	case closed:
		return catchup.Left
	}
	return catchup.Lost
}

// Confirmed implements members.Confirmer.
func (c *connection) Confirmed() uint64 {
	if socket := c.attachedTo.Load(); socket != nil {
		return socket.Confirmed()
	}
	return 0
}

// endingOf names the ending of a connection that this server did not end.
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
