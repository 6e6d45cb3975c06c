package front

import (
	"context"
	"errors"
	"net"
	"sync"

	"golang.org/x/time/rate"
)

// Queue is a listener that accepts connections ahead of its server. In a storm, when all
// clients of a restarted server connect at once, the backlog of the socket would fill up:
// the system then drops connects, and clients retry after a second.
//
// Plain handshakes are read at once and delayed afterwards (package edge), so calls of the
// API do not wait behind them. Over TLS the two can be told apart only after an expensive
// handshake of TLS, so connections take turns at a rate. Every other turn is that of the
// newest connection: a call that is made during a storm does not wait for its end, and
// still each connection gets its turn.
type Queue struct {
	net.Listener
	pace   *rate.Limiter // nil without a rate
	closed context.Context
	close  context.CancelFunc
	start  sync.Once
	// changed receives when a connection or an error was added, seen when the error was
	// returned. ended is closed when no connection is added any more.
	changed, seen chan struct{}
	ended         chan struct{}

	// mu guards the fields below.
	mu      sync.Mutex
	waiting []net.Conn // the oldest is first
	err     error      // of the last Accept; it is returned after the connections
	newest  bool       // the next turn is that of the newest
}

// NewQueue returns a queue for the connections of ln. turns is how many of them have
// their turn in a second; 0 sets no limit.
func NewQueue(ctx context.Context, ln net.Listener, turns float64) *Queue {
	q := &Queue{Listener: ln, changed: make(chan struct{}, 1), seen: make(chan struct{}, 1), ended: make(chan struct{})}
	if turns > 0 {
		q.pace = rate.NewLimiter(rate.Limit(turns), int(turns/100)+1)
	}
	q.closed, q.close = context.WithCancel(context.WithoutCancel(ctx))
	return q
}

// Start begins to accept connections, if neither Start nor Accept was called before.
func (q *Queue) Start() { q.start.Do(func() { go q.run() }) }

// run accepts connections until the listener is closed. After another error it waits
// until the server has seen it.
func (q *Queue) run() {
	defer close(q.ended)
	for {
		conn, err := q.Listener.Accept()
		q.mu.Lock()
		if err == nil {
			q.waiting = append(q.waiting, conn)
		}
		q.err = err
		q.mu.Unlock()
		signal(q.changed)
		if err == nil {
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		select {
		case <-q.seen:
		case <-q.closed.Done():
			return
		}
	}
}

// Accept waits for a connection and for its turn. Connections that were accepted before
// Close are returned after it, too.
func (q *Queue) Accept() (net.Conn, error) {
	q.Start()
	for {
		ended := false
		select {
		case <-q.ended:
			ended = true
		default:
		}
		q.mu.Lock()
		n, err := len(q.waiting), q.err
		if n == 0 {
			q.err = nil
		}
		q.mu.Unlock()
		switch {
		case n > 0:
			if q.pace != nil {
				q.pace.Wait(q.closed) //nolint:errcheck // What was accepted is served after Close.
			}
			return q.take(), nil
		case ended:
			return nil, net.ErrClosed
		case err != nil:
			signal(q.seen)
			return nil, err
		}
		select {
		case <-q.changed:
		case <-q.ended:
		}
	}
}

// take removes the connection whose turn it is. There is one, because only Accept takes
// them.
func (q *Queue) take() (conn net.Conn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := len(q.waiting) - 1
	if q.newest && q.pace != nil {
		conn, q.waiting[last] = q.waiting[last], nil
		q.waiting = q.waiting[:last]
	} else {
		conn, q.waiting[0] = q.waiting[0], nil
		q.waiting = q.waiting[1:]
	}
	q.newest = !q.newest
	return conn
}

// Close also ends a wait.
func (q *Queue) Close() error {
	q.close()
	err := q.Listener.Close()
	q.start.Do(func() { close(q.ended) })
	return err
}

// signal sends to a channel with room for one element, unless it has one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
