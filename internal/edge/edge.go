// Package edge is the WebSocket endpoint of the Messaging API: where chat
// tokens turn into sessions, and the frames of clients into calls of package
// messaging and back.
//
// An Endpoint accepts a handshake only when every check has passed; a refused
// one is a plain HTTP answer, because official clients take any Close frame as
// final. From the 101 on the socket belongs to one of the event loops of
// package websocket.
package edge

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/telemetry"
	"confab/internal/websocket"
)

// Limits of a connection. The frame size leaves room for 500 escaped astral
// characters and attributes; the service documents none.
const (
	maxFrame = 32 << 10
	// A receiver that owes more than this is dropped, without a Close, so that
	// an official client comes back.
	maxPending = 256 << 10
	// Browsers answer pings by themselves; a viewer may stay silent for hours.
	pingInterval = 45 * time.Second
)

// TokenOpener reads chat tokens.
type TokenOpener interface {
	// Open returns what the token says, or Unauthenticated. It does not look
	// at the time.
	Open(ctx context.Context, token string) (*chat.Token, error)
}

// Options are what an Endpoint needs.
type Options struct {
	Engine *messaging.Engine
	Tokens TokenOpener
	// Sockets owns the connections; see NewSockets.
	Sockets *Sockets
	// TrustedProxies are the peers whose X-Forwarded-For counts.
	TrustedProxies []netip.Prefix
	// ConnectRatePerUser and ConnectRatePerAddress are handshakes a second; 0
	// is without a limit. Faster ones are held back, and refused only when they
	// would have to wait too long.
	ConnectRatePerUser    float64
	ConnectRatePerAddress float64
	// MaxConnections of this node; 0 is without a limit.
	MaxConnections int
	Metrics        *telemetry.Metrics
	Log            *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Endpoint answers WebSocket handshakes on any path.
type Endpoint struct {
	o         Options
	now       func() time.Time
	perUser   *pacer
	perAddr   *pacer
	slots     *slots
	draining  atomic.Bool
	drained   chan struct{}  // closed when Drain is done
	working   sync.WaitGroup // requests under way
	handshake handshakeMetrics

	// mu guards connections: all that are attached or about to be.
	mu          sync.Mutex
	connections map[*connection]struct{}
}

// New returns an endpoint that is ready for handshakes.
func New(o Options) *Endpoint {
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &Endpoint{
		o:           o,
		now:         o.Now,
		perUser:     newPacer(o.ConnectRatePerUser),
		perAddr:     newPacer(o.ConnectRatePerAddress),
		slots:       newSlots(o.MaxConnections),
		drained:     make(chan struct{}),
		connections: make(map[*connection]struct{}),
		handshake:   newHandshakeMetrics(o.Metrics),
	}
	return e
}

// Sockets are the event loops that own the connections of an endpoint, and the
// audiences of its rooms. They are made before the engine, which needs
// NewAudience, and the endpoint, which needs the engine.
type Sockets struct {
	server *websocket.Server
}

// NewSockets starts the event loops. A negative window chooses by measurement
// how long a busy room's frames are gathered.
func NewSockets(window time.Duration, m *telemetry.Metrics, log *slog.Logger) *Sockets {
	s := &Sockets{server: websocket.NewServer(websocket.Options{
		MaxMessage:     maxFrame,
		MaxPending:     maxPending,
		PingInterval:   pingInterval,
		DeliveryWindow: window,
		PendingBytes:   func(delta int) { m.PendingBytes.Add(float64(delta)) },
		Log:            log,
	}, handler{})}
	return s
}

// Close drops what connections are left and stops the loops.
func (s *Sockets) Close() { s.server.Close() }

// NewAudience makes the fan-out of one live room.
func (s *Sockets) NewAudience() messaging.Audience { return audience{s.server.NewGroup()} }

// audience is a room's fan-out: a group of sockets that get the same bytes.
type audience struct{ group *websocket.Group }

func (a audience) Deliver(json []byte) int { return a.group.Deliver(json) }

// handler hands what the loops report to the connection it belongs to.
type handler struct{}

func (handler) Message(c *websocket.Conn, op websocket.Opcode, payload []byte) {
	c.Value().(*connection).message(op, payload) //nolint:forcetypeassert // Only attach makes connections.
}

func (handler) Deadline(c *websocket.Conn) {
	c.Value().(*connection).End(messaging.SessionOver) //nolint:forcetypeassert // Only attach makes connections.
}

func (handler) Closed(c *websocket.Conn, cause error) {
	c.Value().(*connection).closed(cause) //nolint:forcetypeassert // Only attach makes connections.
}

// Drain ends all sessions, spread evenly over the time given: ERROR 401, then
// the connection is dropped without a Close, so that official clients come
// back. New handshakes are refused from now on. When ctx ends early the rest
// is ended at once. It is called once.
func (e *Endpoint) Drain(ctx context.Context, over time.Duration) {
	e.draining.Store(true)
	defer close(e.drained)
	e.Move(ctx, over)
}

// Move ends all sessions there are, as Drain does, and goes on accepting new
// ones: when other nodes serve them better.
func (e *Endpoint) Move(ctx context.Context, over time.Duration) {
	e.mu.Lock()
	left := make([]*connection, 0, len(e.connections))
	for c := range e.connections {
		left = append(left, c)
	}
	e.mu.Unlock()
	// One tick ends a batch: 100,000 timers would be no smoother.
	const tick = 50 * time.Millisecond
	steps := max(int(over/tick), 1)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for done, step := 0, 1; done < len(left); step++ {
		until := len(left)
		if ctx.Err() == nil && step < steps {
			until = len(left) * step / steps
		}
		for _, c := range left[done:until] {
			c.End(messaging.Draining)
		}
		done = until
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// Close drops all connections that are left and waits for what they asked for
// last.
func (e *Endpoint) Close() {
	e.draining.Store(true)
	e.o.Sockets.Close()
	e.working.Wait()
}
