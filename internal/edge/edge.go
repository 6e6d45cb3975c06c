// Package edge is the WebSocket endpoint of the Messaging API. It turns chat tokens into
// sessions, and clients' frames into calls of package messaging and back.
//
// An Endpoint accepts a handshake only when every check has passed. A refusal is a plain
// HTTP answer, because official clients take any Close frame as final. After the 101 the
// socket belongs to one of the event loops of package websocket.
package edge

import (
	"context"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/messaging"
	"confab/internal/rfc6455"
	"confab/internal/websocket"
)

// Limits of a connection. The frame size leaves room for 500 escaped astral characters
// and attributes. The service documents none.
const (
	maxFrame = 32 << 10
	// Frames a second that are read from one client. Each request over its 10 a second is
	// answered with ERROR 429. Above this rate those answers would cost others time, so
	// TCP backpressure slows the client.
	inputRate = 50 * messaging.RequestsPerSecond
	// A receiver with more pending bytes than this is dropped without a Close, so that an
	// official client comes back.
	maxPending = 256 << 10
	// Browsers answer pings by themselves; a viewer may stay silent for hours.
	pingInterval = 45 * time.Second
)

// TokenOpener reads chat tokens.
type TokenOpener interface {
	// Open returns the token's content, or Unauthenticated. It does not check the time.
	Open(ctx context.Context, token string) (*chat.Token, error)
}

// Options are what an Endpoint needs.
type Options struct {
	Engine *messaging.Engine
	Tokens TokenOpener
	// Sockets owns the connections; see NewSockets.
	Sockets *Sockets
	// TrustedProxies are the peers whose X-Forwarded-For is used.
	TrustedProxies []netip.Prefix
	Limits
	Metrics *Metrics
	Log     *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Endpoint answers WebSocket handshakes on any path.
type Endpoint struct {
	o         Options
	now       func() time.Time
	perNode   *pacer
	perUser   *pacer
	perAddr   *pacer
	opening   chan struct{} // one element for each token that is being opened
	slots     *slots
	memory    *memory
	draining  atomic.Bool
	apart     atomic.Pointer[func() bool] // reports whether the node is apart; nil if it is not
	sawProxy  atomic.Bool                 // a proxy that is not trusted
	spent     spentTokens
	stopping  chan struct{} // closed when Drain begins
	drained   chan struct{} // closed when Drain is done
	workers   *workers
	hangUp    func() // drops all connections, once
	handshake handshakeMetrics
	// proxyWarning limits the warning about a proxy that drops Upgrade.
	proxyWarning rate.Sometimes

	perRoomPlaces, perUserPlaces, perAddressPlaces *places

	// mu guards the fields below.
	mu sync.Mutex
	// connections are those whose session is not over. unclosed also counts those that
	// still have something to write.
	connections map[*connection]struct{}
	unclosed    int
}

// New returns an endpoint that is ready for handshakes.
func New(o Options) *Endpoint {
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &Endpoint{
		o:           o,
		now:         o.Now,
		perNode:     newNodePacer(o.ConnectRate),
		perUser:     newPacer(o.ConnectRatePerUser),
		perAddr:     newPacer(o.ConnectRatePerAddress),
		opening:     make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1)),
		slots:       newSlots(o.MaxConnections),
		memory:      newMemory(o.MaxMemory),
		stopping:    make(chan struct{}),
		drained:     make(chan struct{}),
		workers:     newWorkers(),
		hangUp:      sync.OnceFunc(o.Sockets.Close),
		connections: make(map[*connection]struct{}),
		handshake:   newHandshakeMetrics(o.Metrics),

		proxyWarning: rate.Sometimes{Interval: time.Minute},

		perRoomPlaces:    newPlaces(o.MaxConnectionsPerRoom),
		perUserPlaces:    newPlaces(o.MaxConnectionsPerUser),
		perAddressPlaces: newPlaces(o.MaxConnectionsPerAddress),
	}
	return e
}

// Sockets are the event loops that own the connections of an endpoint, and the audiences
// of its rooms. The engine needs NewAudience, and the endpoint needs the engine, so
// Sockets are made first.
type Sockets struct {
	server *websocket.Server
}

// NewSockets starts the event loops. window is how long frames of a busy room wait to share
// a write; a negative window is chosen by measurement. overlap is how long a new connection
// still gets frames that were already written to its room, for a client whose older
// connection may be on another node. io_uring is used only if ioURing is set and the system
// allows it, and io_submit instead only if ioSubmit is.
func NewSockets(window, overlap time.Duration, ioURing, ioSubmit bool, m *Metrics, log *slog.Logger) *Sockets {
	s := &Sockets{server: websocket.NewServer(websocket.Options{
		MaxMessage:     maxFrame,
		InputRate:      inputRate,
		MaxPending:     maxPending,
		PingInterval:   pingInterval,
		DeliveryWindow: window,
		Overlap:        overlap,
		IOURing:        ioURing,
		IOSubmit:       ioSubmit,
		PendingBytes:   func(delta int) { m.PendingBytes.Add(float64(delta)) },
		Log:            log,
	}, handler{})}
	return s
}

// Writes returns the system's interface with which the loops write to many sockets.
func (s *Sockets) Writes() string { return s.server.Writes() }

// Close drops the remaining connections and stops the loops.
func (s *Sockets) Close() { s.server.Close() }

// NewAudience makes the fan-out of one live room.
func (s *Sockets) NewAudience() messaging.Audience { return audience{s.server.NewGroup()} }

// audience is a room's fan-out: a group of sockets that get the same bytes.
type audience struct{ group *websocket.Group }

func (a audience) Deliver(json []byte) int { return a.group.Deliver(json) }

// DeliverAnd implements messaging.Audience.
func (a audience) DeliverAnd(json []byte, then func()) int { return a.group.DeliverAnd(json, then) }

func (a audience) Mark(number uint64) { a.group.Mark(number) }

// AppendMark implements catchup.Marker.
func (audience) AppendMark(b []byte, number uint64) []byte { return websocket.AppendMark(b, number) }

func (a audience) PingEvery(interval, behindMark time.Duration) {
	a.group.PingEvery(interval, behindMark)
}

func (a audience) AppendFrame(b, json []byte) []byte {
	b = slices.Grow(b, rfc6455.HeaderLen(len(json))+len(json))
	return rfc6455.AppendFrame(b, rfc6455.Text, json)
}

// handler passes the events of the loops to their connections.
type handler struct{}

func (handler) Message(c *websocket.Conn, op rfc6455.Opcode, payload []byte) {
	c.Value().(*connection).message(op, payload) //nolint:forcetypeassert // Only attach makes connections.
}

func (handler) Deadline(c *websocket.Conn) {
	conn := c.Value().(*connection) //nolint:forcetypeassert // Only attach makes connections.
	conn.session.AskElsewhere(conn.endpoint.workers.ctx, func() { conn.End(ending.SessionOver) })
}

func (handler) Closed(c *websocket.Conn, cause error) {
	c.Value().(*connection).closed(cause) //nolint:forcetypeassert // Only attach makes connections.
}

// tick is the time between two batches of a drain. 100,000 timers would be no smoother.
const tick = 50 * time.Millisecond

// Drain ends all sessions, spread evenly over the given time. Each session answers its
// pending requests, sends ERROR 401 and drops the connection without a Close frame, so that
// official clients reconnect. New handshakes are refused from now on. Held handshakes wait
// for the end of the drain, at most drainHold. When ctx ends early, the remaining sessions
// end at once. Drain must be called once. The sockets may still have bytes to send
// afterwards: see Linger.
func (e *Endpoint) Drain(ctx context.Context, over time.Duration) {
	e.draining.Store(true)
	close(e.stopping)
	defer close(e.drained)
	e.end(ctx, over)
}

// Move ends the present sessions, as Drain does, when the other nodes continue without this
// one. New handshakes wait until apart returns false, at most drainHold: an official client
// that is refused four times within milliseconds does not come back.
func (e *Endpoint) Move(ctx context.Context, over time.Duration, apart func() bool) {
	e.apart.Store(&apart)
	e.end(ctx, over)
	e.Linger(ctx)
}

// end ends the existing sessions.
func (e *Endpoint) end(ctx context.Context, over time.Duration) {
	e.mu.Lock()
	left := make([]*connection, 0, len(e.connections))
	for c := range e.connections {
		left = append(left, c)
	}
	e.mu.Unlock()
	begin := time.Now()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for done := 0; done < len(left) && e.sessions() > 0; {
		until := len(left)
		// This uses the clock because a busy machine misses ticks.
		if soon := time.Since(begin) + tick; ctx.Err() == nil && soon < over {
			until = max(done, int(float64(len(left))*soon.Seconds()/over.Seconds()))
		}
		for _, c := range left[done:until] {
			c.End(ending.Draining)
		}
		if done = until; done == len(left) {
			break
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	await(ctx, pendingTimeout+readTimeout, func() bool { return e.sessions() == 0 })
}

// readTimeout is how long the last sessions may take to read their last frames.
const readTimeout = 500 * time.Millisecond

// Linger waits until the last frames are written, and then a moment for clients to read
// them and to close their sockets.
func (e *Endpoint) Linger(ctx context.Context) {
	await(ctx, pendingTimeout, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.unclosed == 0
	})
	await(ctx, readTimeout, func() bool { return e.Len() == 0 })
}

// await waits until done, for a limited time.
func await(ctx context.Context, within time.Duration, done func() bool) {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	late := time.After(within)
	for !done() {
		select {
		case <-poll.C:
		case <-late:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Writes returns Sockets.Writes.
func (e *Endpoint) Writes() string { return e.o.Sockets.Writes() }

// Len returns how many sockets the event loops have.
func (e *Endpoint) Len() int { return e.o.Sockets.server.Len() }

// LenFrom returns how many sessions an address has. name is the name that clientip.Limit
// gives it. The result is 0 without a limit per address.
func (e *Endpoint) LenFrom(name string) int { return e.perAddressPlaces.count(name) }

// sessions returns how many connections are not over.
func (e *Endpoint) sessions() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.connections)
}

// Finish carries out the requests that clients sent before the end of their sessions,
// until ctx ends, at most for pendingTimeout. Then they are canceled. It is called after Drain.
// Connections whose session is not over are dropped first.
func (e *Endpoint) Finish(ctx context.Context) {
	e.draining.Store(true)
	if e.sessions() > 0 {
		e.hangUp()
	}
	ctx, cancel := context.WithTimeout(ctx, pendingTimeout)
	defer cancel()
	e.workers.stop(ctx)
}

// Close drops all remaining connections. It calls Finish if that has not been called.
func (e *Endpoint) Close(ctx context.Context) {
	e.Finish(ctx)
	e.hangUp()
}
