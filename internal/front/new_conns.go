package front

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// newConns are the connections of a server that have not sent a request yet. Browsers
// open spare ones, and http.Server.Shutdown waits five seconds for a request on each.
type newConns struct {
	// mu guards conns.
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// newConnGrace is how long a connection may take to send a request when the server stops.
// A request that is already on its way is still answered.
const newConnGrace = 300 * time.Millisecond

// watch closes the server's new connections when its own shutdown begins.
func (n *newConns) watch(h *http.Server) {
	n.conns = make(map[net.Conn]struct{})
	h.ConnState = n.track
	h.RegisterOnShutdown(n.close)
}

func (n *newConns) track(c net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if state == http.StateNew {
		n.conns[c] = struct{}{}
	} else {
		delete(n.conns, c)
	}
}

// wait waits until all connections have sent a request or were closed, or until ctx ends.
func (n *newConns) wait(ctx context.Context) {
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for n.any() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

func (n *newConns) any() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns) > 0
}

// close closes the connections that have still sent nothing. Their server detects it and
// removes them. The lock delays a request that arrives meanwhile, because its connection
// could then belong to an event loop, which alone may close it.
func (n *newConns) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		c.Close()
	}
}
