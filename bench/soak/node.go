//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"confab/bench/confab"
	"confab/bench/load"
	"confab/internal/testbed/process"
)

// node is the server, which is replaced now and then: the next one starts on
// the same data, behind the listener that stays open, while the old one
// ends its sessions.
type node struct {
	server   *confab.Server // the first; all have its address
	address  string
	listener *net.TCPListener
	// certificate is of all servers; nil without TLS.
	certificate *process.Certificate
	busy        atomic.Bool // a deploy is under way
	work        sync.WaitGroup

	mu    sync.Mutex // guards what follows
	pid   int
	admin string
	stop  func() error
	err   error
}

// drainTime is how long a deploy takes to move everybody, and grace how long
// after it connections may still end for it.
const (
	drainTime = 15 * time.Second
	grace     = 3 * time.Second
)

func startNode(ctx context.Context, secure bool) (*node, error) {
	n := &node{}
	if secure {
		dir, err := os.MkdirTemp("", "confab-soak-")
		if err != nil {
			return nil, err
		}
		if n.certificate, err = process.NewCertificate(dir); err != nil {
			return nil, err
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n.listener, n.address = l.(*net.TCPListener), l.Addr().String() //nolint:forcetypeassert // That is what tcp is.
	if n.server, err = n.start(ctx, ""); err != nil {
		l.Close()
		return nil, err
	}
	return n, nil
}

// start starts a server on the data of the one before; there is none if dir is empty.
func (n *node) start(ctx context.Context, dir string) (*confab.Server, error) {
	s, err := confab.Start(ctx, -1, process.Options{DataDir: dir, Listener: n.listener, Certificate: n.certificate},
		"--drain-time", drainTime.String())
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pid, n.admin, n.stop = s.PID(), s.Admin, s.Stop
	return s, nil
}

// replace deploys in the background.
func (n *node) replace(ctx context.Context) {
	n.busy.Store(true)
	n.mu.Lock()
	stop := n.stop
	n.mu.Unlock()
	n.work.Go(func() {
		stopped := make(chan error, 1)
		go func() { stopped <- stop() }()
		_, err := n.start(ctx, n.server.DataDir)
		err = errors.Join(err, <-stopped)
		select {
		case <-time.After(grace):
		case <-ctx.Done():
		}
		n.mu.Lock()
		n.err = err
		n.mu.Unlock()
		n.busy.Store(false)
	})
}

// replacing tells whether connections may end because of a deploy.
func (n *node) replacing() bool { return n.busy.Load() }

// failed returns why a deploy went wrong.
func (n *node) failed() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

func (n *node) close() error {
	n.work.Wait()
	n.mu.Lock()
	stop := n.stop
	n.mu.Unlock()
	err := stop()
	n.listener.Close()
	if n.certificate != nil {
		err = errors.Join(err, os.RemoveAll(filepath.Dir(n.certificate.CertFile)))
	}
	return errors.Join(err, os.RemoveAll(n.server.DataDir))
}

// tls is how clients speak TLS to it; nil is not at all.
func (n *node) tls() *tls.Config {
	if n.certificate == nil {
		return nil
	}
	return n.certificate.Client
}

// token makes a chat token, by whichever server answers.
func (n *node) token(ctx context.Context, room, user string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*drainTime)
	defer cancel()
	return n.server.Token(ctx, room, user)
}

// sample is what the server holds at one time.
type sample struct {
	at                      time.Duration
	pid                     int
	connections             int
	rss, heap               int64 // bytes
	descriptors, goroutines int
	deploying               bool
}

// sample asks the system and the server's metrics.
func (s *soak) sample(ctx context.Context, now time.Duration) error {
	s.node.mu.Lock()
	pid, admin := s.node.pid, s.node.admin
	s.node.mu.Unlock()
	x := sample{at: now, pid: pid, connections: s.fleet.Open(), deploying: s.node.replacing()}
	metrics, err := process.Scrape(ctx, admin)
	if err == nil {
		x.heap, x.goroutines = int64(metrics["go_memstats_heap_alloc_bytes"]), int(metrics["go_goroutines"])
		if x.rss, err = load.RSS(pid); err == nil {
			x.descriptors, err = load.Descriptors(pid)
		}
	}
	if err != nil {
		if x.deploying {
			return nil // That server has just ended.
		}
		return err
	}
	s.samples = append(s.samples, x)
	if len(s.samples)%12 == 1 {
		fmt.Printf("%5.0f s: %d connections, %.1f MiB resident, %.1f MiB heap, %d descriptors, %d goroutines\n",
			now.Seconds(), x.connections, float64(x.rss)/(1<<20), float64(x.heap)/(1<<20), x.descriptors, x.goroutines)
	}
	return nil
}
