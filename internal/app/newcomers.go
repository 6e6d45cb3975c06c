package app

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// newcomers are the connections of a server that have not sent a request yet.
// Browsers open some to spare, and http.Server.Shutdown waits five seconds for
// what each of them might still send.
type newcomers struct {
	// mu guards conns.
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// newcomerGrace is how long a connection may take to send a request when the
// server stops: one that was on its way is still answered.
const newcomerGrace = 300 * time.Millisecond

// watch has the server's newcomers closed when it shuts down.
func (n *newcomers) watch(h *http.Server) {
	n.conns = make(map[net.Conn]struct{})
	h.ConnState = n.track
	h.RegisterOnShutdown(func() { time.AfterFunc(newcomerGrace, n.close) })
}

func (n *newcomers) track(c net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if state == http.StateNew {
		n.conns[c] = struct{}{}
	} else {
		delete(n.conns, c)
	}
}

// close closes those that are still silent. Their server hears of it and
// forgets them. Who sends a request now is kept from going on until then: the
// connection could belong to an event loop, which alone may close it.
func (n *newcomers) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		c.Close()
	}
}
