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
// forgets them.
func (n *newcomers) close() {
	n.mu.Lock()
	silent := make([]net.Conn, 0, len(n.conns))
	for c := range n.conns {
		silent = append(silent, c)
	}
	n.mu.Unlock()
	for _, c := range silent {
		c.Close()
	}
}
