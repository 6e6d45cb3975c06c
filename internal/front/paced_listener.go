package front

import (
	"context"
	"net"

	"golang.org/x/time/rate"
)

// pacedListener is a listener that accepts no faster than a rate, apart from a burst of
// some milliseconds. In a storm other connections wait in the socket's backlog, where
// they cost nothing. When that is full they wait in their own systems, which retry after
// a second. A node that accepted all at once could do nothing else until it had read all
// their requests.
type pacedListener struct {
	net.Listener
	pace   *rate.Limiter
	closed context.Context
	close  context.CancelFunc
}

// acceptsPerConnect is how many connections are accepted for each handshake that may
// pass. Calls of the API and health checks must not wait behind a storm, and they can be
// told apart from it only when they are read.
const acceptsPerConnect = 4

// Pace returns a listener that accepts no faster than a connect rate allows. 0 leaves ln
// as it is. TLS costs as much as a few handshakes, so a connection with it counts for
// more.
func Pace(ctx context.Context, ln net.Listener, connects float64, tls bool) net.Listener {
	if connects <= 0 {
		return ln
	}
	if !tls {
		connects *= acceptsPerConnect
	}
	p := &pacedListener{Listener: ln, pace: rate.NewLimiter(rate.Limit(connects), max(int(connects/100), 1))}
	p.closed, p.close = context.WithCancel(context.WithoutCancel(ctx))
	return p
}

// Accept waits for a connection, then for its turn.
func (p *pacedListener) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err == nil {
		p.pace.Wait(p.closed) //nolint:errcheck // What was accepted is served, even if it was the last.
	}
	return conn, err
}

// Close also ends a wait.
func (p *pacedListener) Close() error {
	p.close()
	return p.Listener.Close()
}
