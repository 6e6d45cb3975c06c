package cluster

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"confab/internal/testbed/crowd"
)

const (
	// checkEvery and checkTime are a quick health check of a load balancer.
	checkEvery = 200 * time.Millisecond
	checkTime  = 2 * time.Second
	// retryPause is between two tries to accept a connection, or to find a node for it.
	retryPause = 10 * time.Millisecond
)

// Balancer knows which nodes are ready and spreads connections over them.
type Balancer struct {
	nodes []*Node
	held  bool
	stop  context.CancelFunc
	all   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	ready []bool
	next  int
}

func newBalancer(nodes []*Node, held bool) *Balancer {
	ctx, stop := context.WithCancel(context.Background())
	b := &Balancer{nodes: nodes, held: held, stop: stop, ready: make([]bool, len(nodes))}
	for i := range nodes {
		b.ready[i] = true // Start waited for it.
		b.all.Go(func() { b.watch(ctx, i) })
	}
	return b
}

func (b *Balancer) close() {
	b.stop()
	b.all.Wait()
}

// watch asks one node again and again.
func (b *Balancer) watch(ctx context.Context, i int) {
	client := &http.Client{Timeout: checkTime, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ready := false
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.nodes[i].options.Address+"/readyz", nil)
		if err != nil {
			return
		}
		if res, err := client.Do(req); err == nil {
			res.Body.Close()
			ready = res.StatusCode == http.StatusOK
		}
		b.mu.Lock()
		b.ready[i] = ready
		b.mu.Unlock()
	}
}

// Pick returns the next node that is ready. Behind held listeners every node is
// always there: clients wait in the backlog.
func (b *Balancer) Pick() (crowd.Node, bool) {
	n, ok := b.pick()
	if !ok {
		return crowd.Node{}, false
	}
	return n.Clients(), true
}

// Near returns the node of a name, and whether it is ready.
func (b *Balancer) Near(name string) (crowd.Node, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, n := range b.nodes {
		if n.Name == name {
			return n.Clients(), b.ready[i] || b.held
		}
	}
	return crowd.Node{}, false
}

func (b *Balancer) pick() (*Node, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.nodes {
		i := b.next
		b.next = (b.next + 1) % len(b.nodes)
		if b.ready[i] || b.held {
			return b.nodes[i], true
		}
	}
	return nil, false
}

func (b *Balancer) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, ready := range b.ready {
		if ready {
			n++
		}
	}
	return n
}

// Listen is the balancer as a TCP proxy on the loopback address, for clients that know one
// endpoint. It needs two descriptors for each connection. It is closed with the context.
func (b *Balancer) Listen(ctx context.Context) (address string, err error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // There are no descriptors left.
				time.Sleep(retryPause)
				continue
			}
			go b.forward(ctx, conn)
		}
	}()
	return ln.Addr().String(), nil
}

// forward connects the client to a node that takes the connection.
func (b *Balancer) forward(ctx context.Context, client net.Conn) {
	defer client.Close()
	dialer := net.Dialer{Timeout: checkTime}
	for ctx.Err() == nil {
		n, ok := b.pick()
		if !ok {
			time.Sleep(checkEvery) // As a client in the balancer's own queue.
			continue
		}
		server, err := dialer.DialContext(ctx, "tcp", n.options.Address)
		if err != nil {
			time.Sleep(retryPause)
			continue
		}
		defer server.Close()
		clean := make(chan bool, 2) // one for each way: it ended without a reset
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			go func() {
				_, err := io.Copy(way[0], way[1])
				half, ok := way[0].(*net.TCPConn)
				if ok && err == nil {
					err = half.CloseWrite() // An end is not a reset: what was sent before it still arrives.
				}
				clean <- err == nil
			}()
		}
		// A reset on one side is one on the other.
		if <-clean {
			select {
			case <-clean:
			case <-ctx.Done():
			}
		}
		return
	}
}
