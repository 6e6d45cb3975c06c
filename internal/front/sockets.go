package front

import (
	"container/list"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"confab/internal/clientip"
)

// SocketLimits limit the sockets of a port. A field that is 0 sets no limit.
type SocketLimits struct {
	// Max is the maximum number of sockets, Sessions included. At the limit, a new
	// connection replaces the one that has waited longest for a request. If all connections
	// have requests in progress, the new one waits in the backlog.
	Max int
	// Idle is the number of sockets, Sessions included, above which connections that have
	// waited for a request longer than firstRequest are closed for new ones.
	Idle int
	// PerAddress is Max for one client address; see clientip.Block. If all its connections
	// have requests in progress, a new one is refused.
	PerAddress int
	// TrustedProxies are exempt from PerAddress.
	TrustedProxies []netip.Prefix
	// Sessions are the sockets that have become WebSocket sessions. Nil means none.
	Sessions SessionCounter
}

// SessionCounter counts the sockets of a port that event loops own.
type SessionCounter interface {
	Len() int
	// LenFrom counts the sockets from an address; see clientip.Limit for its name.
	LenFrom(name string) int
}

// firstRequest is how long a connection may take to send a request before it may be
// closed for others.
const firstRequest = time.Second

// Sockets is a listener that limits its connections from the moment they are accepted until
// they are closed or have become WebSocket sessions. In between, a connection may have sent
// nothing yet, be in a TLS handshake, be idle between two requests, or have a request in
// progress.
type Sockets struct {
	net.Listener
	limits SocketLimits
	log    *slog.Logger
	closed context.Context
	close  context.CancelFunc
	left   chan struct{} // receives when a connection has left

	// mu guards the fields below and the state of each socket. A socket is closed under
	// mu only while it waits: afterwards it could belong to an event loop.
	mu        sync.Mutex
	count     int
	waiting   list.List // of *socket; the one that has waited longest is first
	addresses map[netip.Prefix]*address
	// proxies are addresses that hide clients behind them, though they are not trusted.
	proxies map[netip.Prefix]struct{}
	warned  time.Time
}

// address is a client address with connections.
type address struct {
	count   int
	waiting map[*socket]struct{}
}

// LimitSockets returns a listener that applies limits to the connections of ln.
func LimitSockets(ctx context.Context, ln net.Listener, limits SocketLimits, log *slog.Logger) *Sockets {
	s := &Sockets{
		Listener: ln, limits: limits, log: log, left: make(chan struct{}, 1),
		addresses: make(map[netip.Prefix]*address), proxies: make(map[netip.Prefix]struct{}),
	}
	s.closed, s.close = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

// Close also ends a wait.
func (s *Sockets) Close() error {
	s.close()
	return s.Listener.Close()
}

// Accept waits for a connection that is within the limits.
func (s *Sockets) Accept() (net.Conn, error) {
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := s.enter(conn)
		if s.crowded(c) {
			c.leave()
			go c.refuse()
			continue
		}
		s.makeRoom(c)
		return c, nil
	}
}

// enter counts a connection.
func (s *Sockets) enter(conn net.Conn) *socket {
	c := &socket{Conn: conn, sockets: s}
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		ip := a.AddrPort().Addr().Unmap()
		c.block, c.private = clientip.Block(ip), clientip.Private(ip)
		c.exempt = slices.ContainsFunc(s.limits.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if s.limits.PerAddress > 0 {
		a := s.addresses[c.block]
		if a == nil {
			a = &address{waiting: make(map[*socket]struct{})}
			s.addresses[c.block] = a
		}
		a.count++
		c.address = a
	}
	c.waitLocked(true)
	return c
}

// crowded reports whether the address of c has too many connections, all of them at work.
// It closes waiting ones first. One connection that is not a session is always allowed,
// so that a client gets an answer that explains the refusal.
func (s *Sockets) crowded(c *socket) bool {
	if c.address == nil || c.exempt {
		return false
	}
	allowed := s.limits.PerAddress
	if s.limits.Sessions != nil {
		allowed = max(allowed-s.limits.Sessions.LenFrom(c.block.String()), 1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, proxy := s.proxies[c.block]; proxy {
		return false
	}
	for c.address.count > allowed {
		var longest *socket
		for o := range c.address.waiting {
			if o != c && (longest == nil || o.since.Before(longest.since)) {
				longest = o
			}
		}
		if longest == nil {
			return true
		}
		longest.evictLocked()
	}
	return false
}

// pollRoom is how often makeRoom checks for sessions that have ended.
const pollRoom = 20 * time.Millisecond

// makeRoom closes waiting connections for c, and waits until there is room.
func (s *Sockets) makeRoom(c *socket) {
	for !s.evict(c) {
		select {
		case <-s.left:
		case <-time.After(pollRoom):
		case <-s.closed.Done():
			return
		}
	}
}

// evict closes connections that wait for a request, those that have waited longest first,
// until c is within the limits. It returns false if that is not enough.
func (s *Sockets) evict(c *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		total := s.totalLocked()
		over := s.limits.Max > 0 && total > s.limits.Max
		if !over && (s.limits.Idle == 0 || total <= s.limits.Idle) {
			return true
		}
		first := s.waiting.Front()
		if first != nil && first.Value == c {
			first = first.Next()
		}
		if first == nil {
			return !over
		}
		longest := first.Value.(*socket) //nolint:forcetypeassert // See waiting.
		if !over && longest.fresh && time.Since(longest.since) < firstRequest {
			return true
		}
		longest.evictLocked()
		if now := time.Now(); now.Sub(s.warned) > time.Minute {
			s.warned = now
			s.log.LogAttrs(s.closed, slog.LevelWarn, "Connections without a request are closed to make room", slog.Int("connections", total))
		}
	}
}

func (s *Sockets) totalLocked() int {
	if s.limits.Sessions == nil {
		return s.count
	}
	return s.count + s.limits.Sessions.Len()
}

// full reports whether connections must be closed after their answers.
func (s *Sockets) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits.Idle > 0 && s.totalLocked() > s.limits.Idle
}
