package edge

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/rfc6455"
	"confab/internal/websocket"
)

// handshakeMetrics are the metrics of handshakes, looked up once.
type handshakeMetrics struct {
	accepted prometheus.Counter
	refused  *prometheus.CounterVec
	held     prometheus.Gauge
	duration prometheus.Observer
}

func newHandshakeMetrics(m *Metrics) handshakeMetrics {
	return handshakeMetrics{
		accepted: m.Handshakes.WithLabelValues("accepted"),
		refused:  m.Handshakes,
		held:     m.HandshakesHeld,
		duration: m.HandshakeDuration,
	}
}

// ServeHTTP answers one handshake, on any path and from any origin. Refusals are plain
// HTTP answers with a small JSON body: 400 and 426 for a request that is not a handshake,
// 401 for a token that is missing, invalid, expired or used, 404 for a deleted room, 429
// for too many connections or too high a rate, 503 for a node that is stopping or cannot
// reach its database.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin, ctx := time.Now(), r.Context()
	from := e.client(r)
	upgrade, err := rfc6455.CheckUpgrade(r)
	var c *connection
	if err == nil {
		c, err = e.admit(ctx, upgrade, from)
	}
	if err != nil {
		if ctx.Err() != nil {
			e.lost(ctx, err)
			w.WriteHeader(http.StatusServiceUnavailable) // The client may have closed only its own side.
			return
		}
		if rfc6455.UpgradeDropped(r) {
			e.proxyWarning.Do(func() {
				e.o.Log.LogAttrs(ctx, slog.LevelWarn, "A proxy drops the Upgrade header of WebSocket handshakes, so clients cannot connect; configure it to pass Upgrade and Connection, over HTTP/1.1",
					slog.String("peer", r.RemoteAddr), slog.String("host", r.Host), slog.String("via", r.Header.Get("Via")), slog.String("protocol", r.Proto))
			})
		}
		status, body := e.refuse(ctx, from.ip, w.Header(), err)
		w.WriteHeader(status)
		w.Write(body) //nolint:errcheck,gosec // The client is gone or has its answer, which is JSON with every string quoted.
		return
	}
	conn, early, err := hijack(w)
	if err == nil {
		err = e.attach(conn, c, upgrade, early)
	}
	e.answered(ctx, c, begin, err)
}

// answered counts a handshake that was accepted or whose client was lost.
func (e *Endpoint) answered(ctx context.Context, c *connection, begin time.Time, err error) {
	if err != nil {
		e.forget(c)
		c.session.Leave()
		e.lost(ctx, err)
		return
	}
	e.handshake.accepted.Inc()
	e.handshake.duration.Observe(time.Since(begin).Seconds())
}

// lost counts a client that did not wait for the answer. A failure for that reason is not
// a server error and must not look like one.
func (e *Endpoint) lost(ctx context.Context, err error) {
	e.handshake.refused.WithLabelValues("lost").Inc()
	e.o.Log.LogAttrs(ctx, slog.LevelDebug, "Client lost during its handshake", slog.Any("error", err))
}

// admit makes every check, cheapest first, redeems the token last, and returns the
// client's connection. ctx ends when the client has left.
func (e *Endpoint) admit(ctx context.Context, upgrade *rfc6455.Upgrade, from client) (*connection, error) {
	if e.draining.Load() {
		return nil, e.turnAway(ctx)
	}
	if err := e.together(ctx); err != nil {
		return nil, err
	}
	token, err := e.open(ctx, upgrade)
	if err != nil {
		return nil, e.charge(ctx, from.limit, err)
	}
	user := token.Room.ID + "/" + token.UserID
	// Many viewers may share a user id. A client that connects in a loop uses one
	// address.
	loop := user + " " + from.limit
	if err := e.hold(ctx, loop, from.limit); err != nil {
		return nil, err
	}
	c := &connection{endpoint: e}
	if c.giveBack, err = e.settle(token.Room.ID, user, from.limit); err != nil {
		e.slots.release()
		return nil, err
	}
	if !e.remember(c) {
		e.forget(c)
		return nil, e.turnAway(ctx)
	}
	// The client's departure does not cancel Join, because a token that is being redeemed
	// cannot be used again. The database's own limits bound the wait.
	c.session, err = e.o.Engine.Join(context.WithoutCancel(ctx), token, c, messaging.Client{IP: from.ip, Agent: upgrade.Agent, History: upgrade.Parameter("history")})
	switch {
	case err == nil:
		e.spent.add(token.ID)
		return c, nil
	case isCode(err, chat.Unauthenticated):
		e.spent.add(token.ID)
		fallthrough
	case isCode(err, chat.NotFound):
		e.perUser.giveBack(loop)
	}
	e.forget(c)
	return nil, err
}

// hijack takes over the connection from net/http, and the bytes that the client sent
// together with the handshake.
func hijack(w http.ResponseWriter) (conn net.Conn, early []byte, err error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	if early, err = rw.Peek(rw.Reader.Buffered()); err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("read what came with the handshake: %w", err)
	}
	return conn, early, nil
}

// attach hands the socket to an event loop, which writes the 101 and adds it to its room
// in one step.
func (e *Endpoint) attach(conn net.Conn, c *connection, upgrade *rfc6455.Upgrade, early []byte) error {
	if err := conn.SetDeadline(time.Time{}); err != nil {
		conn.Close()
		return fmt.Errorf("take over the connection: %w", err)
	}
	// The loop may report the first frame before Attach returns.
	c.mu.Lock()
	defer c.mu.Unlock()
	group := c.session.Audience().(audience).group //nolint:forcetypeassert // Sockets made it.
	var before func() websocket.First
	if c.session.HasFirst() {
		before = func() websocket.First {
			frames, replay := c.session.First()
			return websocket.First{Frames: frames, Replay: replay}
		}
	}
	socket, err := e.o.Sockets.server.Attach(websocket.Attachment{
		Conn:     conn,
		Response: upgrade.Response(upgrade.Protocols[0]),
		Buffered: append([]byte(nil), early...),
		Group:    group,
		Before:   before,
		Value:    c,
		// The remaining time is the same on the loop's clock and on e.now's.
		Deadline: time.Now().Add(c.session.Expires().Sub(e.now())),
	})
	if err != nil {
		return fmt.Errorf("hand the connection over: %w", err)
	}
	c.attached(socket)
	return nil
}

// remember lists a connection that is about to join. It returns false if the node drains or
// is apart: the sessions have been ended without this one.
func (e *Endpoint) remember(c *connection) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unclosed++ // Until forget, also after a refusal.
	if e.draining.Load() || e.apart.Load() != nil {
		return false
	}
	e.connections[c] = struct{}{}
	return true
}

// over is called when the session of a connection is over: nothing that it asks for is
// carried out any more.
func (e *Endpoint) over(c *connection) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.connections, c)
}

// forget removes the connection from the list and releases its places.
func (e *Endpoint) forget(c *connection) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.connections, c)
	e.unclosed--
	e.slots.release()
	if c.giveBack != nil {
		c.giveBack()
	}
}

func (e *Endpoint) countError(code int) {
	e.o.Metrics.ErrorFrames.WithLabelValues(strconv.Itoa(code)).Inc()
}
