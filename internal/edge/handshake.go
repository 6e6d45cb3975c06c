package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/chat"
	"confab/internal/clientip"
	"confab/internal/messaging"
	"confab/internal/telemetry"
	"confab/internal/websocket"
)

// handshakeMetrics are the metrics of handshakes, looked up once.
type handshakeMetrics struct {
	accepted prometheus.Counter
	refused  *prometheus.CounterVec
	held     prometheus.Gauge
	duration prometheus.Observer
}

func newHandshakeMetrics(m *telemetry.Metrics) handshakeMetrics {
	return handshakeMetrics{
		accepted: m.Handshakes.WithLabelValues("accepted"),
		refused:  m.Handshakes,
		held:     m.HandshakesHeld,
		duration: m.HandshakeDuration,
	}
}

// ServeHTTP answers one handshake, on any path and from any origin. Refusals
// are plain HTTP answers with a small JSON body: 400 and 426 for what is not a
// handshake, 401 for a token that is missing, invalid, expired or used, 404 for
// a room that is gone, 429 for too many connections or too fast ones, 503 for a
// node that stops or cannot reach its database.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	c, upgrade, protocol, err := e.admit(r)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			e.lost(r, err)
			w.WriteHeader(http.StatusServiceUnavailable) // It may have ended only its own side.
			return
		}
		e.refuse(w, r, err)
		return
	}
	if err := e.attach(w, c, upgrade.Response(protocol)); err != nil {
		e.forget(c)
		c.session.Leave()
		e.lost(r, err)
		return
	}
	e.handshake.accepted.Inc()
	e.handshake.duration.Observe(time.Since(begin).Seconds())
}

// lost counts a client that did not wait for the answer. Whatever failed for
// that reason is no trouble of ours and must not look like it.
func (e *Endpoint) lost(r *http.Request, err error) {
	e.handshake.refused.WithLabelValues("lost").Inc()
	e.o.Log.LogAttrs(r.Context(), slog.LevelDebug, "A client was lost during its handshake", slog.Any("error", err))
}

// admit makes every check, cheapest first, spends the token last, and returns
// the client's session.
func (e *Endpoint) admit(r *http.Request) (*connection, *websocket.Upgrade, string, error) {
	upgrade, err := websocket.CheckUpgrade(r)
	if err != nil {
		return nil, nil, "", err
	}
	if e.draining.Load() {
		return nil, nil, "", e.turnAway(r.Context())
	}
	if len(upgrade.Protocols) != 1 {
		return nil, nil, "", chat.Errorf(chat.Unauthenticated, "The chat token is missing: it travels as the one value of Sec-WebSocket-Protocol")
	}
	text := upgrade.Protocols[0]
	ctx := r.Context()
	token, err := e.o.Tokens.Open(ctx, text)
	if err != nil {
		return nil, nil, "", err
	}
	// Looked at before the wait, so that a stale token does not queue; Join
	// looks again.
	if !e.now().Before(token.Expires) {
		return nil, nil, "", chat.Errorf(chat.Unauthenticated, "The chat token has expired")
	}
	ip := clientip.From(r, e.o.TrustedProxies)
	user, address := token.Room.ID+"/"+token.UserID, ip.String()
	if err := e.hold(ctx, user, address); err != nil {
		return nil, nil, "", err
	}
	c := &connection{endpoint: e}
	if c.giveBack, err = e.settle(token.Room.ID, user, address); err != nil {
		e.slots.release()
		return nil, nil, "", err
	}
	if !e.remember(c) {
		e.forget(c)
		return nil, nil, "", e.turnAway(ctx)
	}
	c.session, err = e.o.Engine.Join(ctx, token, c, ip)
	if err != nil {
		e.forget(c)
		return nil, nil, "", err
	}
	return c, upgrade, text, nil
}

var errDraining = chat.Errorf(chat.Unavailable, "The server is shutting down; connect again")

// drainHold is how long a handshake waits for its refusal on a node that
// drains. An official client tries four times, and each try that is held is time
// for a load balancer to notice that the node is not ready any more: 32 seconds
// in all, as long as the usual drain and as Kubernetes takes with its defaults,
// and each shorter than the ten seconds that HTTP clients of phones wait.
const drainHold = 8 * time.Second

// turnAway keeps a handshake waiting until the drain is over, at most drainHold,
// and returns its refusal.
func (e *Endpoint) turnAway(ctx context.Context) error {
	timer := time.NewTimer(drainHold)
	defer timer.Stop()
	select {
	case <-e.drained:
	case <-timer.C:
	case <-ctx.Done():
	}
	return errDraining
}

// hold keeps a handshake waiting for its turn: the rate of its user, then that of
// its address, which one user who connects in a loop must not use up for all who
// share it, then that of the node, then memory and a free connection. Official clients give up after four refused
// handshakes within milliseconds, so waiting is the kind answer, and refusal is
// for those who would have to wait too long. The error is context.Canceled for a
// client that left meanwhile.
func (e *Endpoint) hold(ctx context.Context, user, address string) error {
	e.handshake.held.Inc()
	defer e.handshake.held.Dec()
	var refusal error
	switch {
	case !e.perUser.wait(ctx, e.stopping, user):
		refusal = chat.Errorf(chat.Throttled, "Too many connects of this user; slow down")
	case !e.perAddr.wait(ctx, e.stopping, address):
		refusal = chat.Errorf(chat.Throttled, "Too many connects from this address; slow down")
	case !e.perNode.wait(ctx, e.stopping, ""):
		refusal = chat.Errorf(chat.Throttled, "Too many connects to this server; slow down")
	case !e.memory.wait(ctx, e.stopping):
		refusal = chat.Errorf(chat.Unavailable, "The server uses as much memory as it may use")
	case !e.slots.acquire(ctx, e.stopping):
		refusal = chat.Errorf(chat.QuotaExceeded, "The server has as many connections as it may have")
	default:
		return nil
	}
	if e.draining.Load() {
		refusal = e.turnAway(ctx)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for a turn: %w", err)
	}
	return refusal
}

// attach takes the socket over and hands it to an event loop, which writes the
// 101 and makes it a member of its room in one step.
func (e *Endpoint) attach(w http.ResponseWriter, c *connection, response []byte) error {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("take over the connection: %w", err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		conn.Close()
		return fmt.Errorf("take over the connection: %w", err)
	}
	// A client may send its first frame together with the handshake.
	early, err := rw.Peek(rw.Reader.Buffered())
	if err != nil {
		conn.Close()
		return fmt.Errorf("read what came with the handshake: %w", err)
	}
	// The loop may report the first frame before Attach returns.
	c.mu.Lock()
	defer c.mu.Unlock()
	group := c.session.Audience().(audience).group //nolint:forcetypeassert // Sockets made it.
	socket, err := e.o.Sockets.server.Attach(websocket.Attachment{
		Conn:     conn,
		Response: response,
		Buffered: append([]byte(nil), early...),
		Group:    group,
		Value:    c,
		// As far away on the loop's clock as it is on ours.
		Deadline: time.Now().Add(c.session.Expires().Sub(e.now())),
	})
	if err != nil {
		return fmt.Errorf("hand the connection over: %w", err)
	}
	c.attached(socket)
	return nil
}

// refuse answers a handshake that failed.
func (e *Endpoint) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, name, message := refusal(err)
	if bad, ok := errors.AsType[*websocket.HandshakeError](err); ok {
		maps.Copy(w.Header(), bad.Header)
	}
	e.handshake.refused.WithLabelValues(name).Inc()
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	e.o.Log.LogAttrs(r.Context(), level, "Handshake refused", slog.Int("status", status), slog.String("exception", name),
		slog.String("address", clientip.From(r, e.o.TrustedProxies).String()), slog.Any("error", err))
	body := append([]byte(`{"message":`), jsontextQuote(message)...)
	body = append(body, '}')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Errortype", name)
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck,gosec // The client is gone or has its answer, which is JSON and quoted.
}

// refusal is the HTTP answer that an error stands for.
func refusal(err error) (status int, name, message string) {
	if bad, ok := errors.AsType[*websocket.HandshakeError](err); ok {
		return bad.Status, "BadHandshake", bad.Error()
	}
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		return http.StatusInternalServerError, "InternalServerException", "Internal error"
	}
	switch e.Code {
	case chat.Unauthenticated:
		return http.StatusUnauthorized, "UnauthorizedException", e.Message
	case chat.AccessDenied, chat.PendingVerification:
		return http.StatusForbidden, "AccessDeniedException", e.Message
	case chat.NotFound:
		return http.StatusNotFound, "ResourceNotFoundException", e.Message
	case chat.Throttled:
		return http.StatusTooManyRequests, "ThrottlingException", e.Message
	case chat.QuotaExceeded:
		return http.StatusTooManyRequests, "ServiceQuotaExceededException", e.Message
	case chat.Unavailable:
		return http.StatusServiceUnavailable, "ServiceUnavailableException", e.Message
	default:
		return http.StatusInternalServerError, "InternalServerException", "Internal error"
	}
}

func jsontextQuote(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, s) // The error is about invalid UTF-8, which it has replaced.
	return b
}

// endingOf names the way in which a connection ended that we did not end.
func endingOf(cause error) string {
	_, broken := errors.AsType[*websocket.ProtocolError](cause)
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

// remember lists a connection that is about to join, unless the node stops.
func (e *Endpoint) remember(c *connection) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining.Load() {
		return false
	}
	e.connections[c] = struct{}{}
	return true
}

// forget takes the connection off the list and frees its places.
func (e *Endpoint) forget(c *connection) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.connections, c)
	e.slots.release()
	if c.giveBack != nil {
		c.giveBack()
	}
}

func (e *Endpoint) countError(code int) {
	e.o.Metrics.ErrorFrames.WithLabelValues(strconv.Itoa(code)).Inc()
}

var _ messaging.Conn = (*connection)(nil)
