// Package cluster runs several nodes of the built binary behind a load balancer that
// checks /readyz, with crowds of clients. Package history checks what the clients received.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/crowd"
	"confab/internal/testbed/process"
)

// Secrets that all nodes of a test share.
const (
	clusterSecret = "a-cluster-secret-for-tests-only-0123"
	secretKey     = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" //nolint:gosec // 32 bytes that protect nothing.
)

// Options say what to run.
type Options struct {
	// Nodes is how many; one without a Database is a single node with SQLite.
	Nodes int
	// Database is a PostgreSQL URL.
	Database string
	// NATS, when set, is the URL of one that is there already; without, the nodes
	// form a NATS cluster themselves.
	NATS string
	// Binary, when set, is what the nodes run first instead of the program under
	// test.
	Binary string
	// Dir holds the nodes' data directories.
	Dir string
	// Args are appended to every node's.
	Args []string
	// Env is appended to every node's environment.
	Env []string
	// CPUs, when set, are the processors that all nodes share, as taskset(1)
	// takes them.
	CPUs string
	// Hosts are the nodes' addresses, 127.0.0.1 without.
	Hosts []Host
	// Hold has the test hold the listeners of the nodes, as systemd does, so that
	// clients wait while a node is not there.
	Hold bool
	// Direct leaves the load balancer out, and its health checks, which each node answers five
	// times a second.
	Direct bool
}

// Host is where a node runs.
type Host struct {
	// Address is for clients, Routes for other nodes.
	Address, Routes string
	// Namespace is the network namespace, if it is not the test's own.
	Namespace string
}

// Cluster is the nodes and their load balancer.
type Cluster struct {
	Nodes    []*Node
	Balancer *Balancer // nil with Options.Direct
}

// Start starts all nodes and waits until each of them is ready.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{}
	for i := range o.Nodes {
		host := Host{Address: "127.0.0.1"}
		if o.Hosts != nil {
			host = o.Hosts[i]
		}
		n := &Node{Name: fmt.Sprintf("node%d", i+1), Host: host}
		if err := n.prepare(ctx, o); err != nil {
			return nil, err
		}
		c.Nodes = append(c.Nodes, n)
	}
	if o.Database != "" {
		for _, n := range c.Nodes {
			n.options.Args = append(n.options.Args, "--database", o.Database, "--node-name", n.Name)
			n.options.Env = append(n.options.Env, "CONFAB_SECRET_KEY="+secretKey)
			if o.NATS != "" {
				n.options.Args = append(n.options.Args, "--nats", o.NATS)
				continue
			}
			n.options.Args = append(n.options.Args, "--cluster-listen", n.routes, "--cluster-peers", c.Peers())
			n.options.Env = append(n.options.Env, "CONFAB_CLUSTER_SECRET="+clusterSecret)
		}
	}
	if err := c.StartAll(ctx); err != nil {
		return nil, errors.Join(err, c.Kill())
	}
	if !o.Direct {
		c.Balancer = newBalancer(c.Nodes, o.Hold)
	}
	return c, nil
}

// Serve starts nodes for a test, in a directory of their own unless o names one.
// The end of the test kills them; a test that failed shows the end of their logs.
func Serve(t testing.TB, o Options) *Cluster {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, n := range c.Nodes {
				t.Logf("%s:\n%s", n.Name, process.Tail(n.Log()))
			}
		}
	})
	return c
}

// StartAll starts all nodes and waits until each of them is ready.
func (c *Cluster) StartAll(ctx context.Context) error {
	errs := make([]error, len(c.Nodes))
	var all sync.WaitGroup
	for i, n := range c.Nodes {
		all.Go(func() { errs[i] = n.Start(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Peers is the --cluster-peers of every node.
func (c *Cluster) Peers() string {
	peers := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		peers[i] = "nats://" + n.routes
	}
	return strings.Join(peers, ",")
}

// Kill ends all nodes at once.
func (c *Cluster) Kill() error {
	if c.Balancer != nil {
		c.Balancer.close()
	}
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.Kill())
		if n.options.Listener != nil {
			n.options.Listener.Close()
		}
	}
	return errors.Join(errs...)
}

// Node is one node, which may be started and ended many times.
type Node struct {
	Name string
	Host Host

	routes  string // HOST:PORT of --cluster-listen
	options process.Options
	api     *ivschat.Client

	mu     sync.Mutex // guards what follows
	server *process.Server
	ended  strings.Builder // the logs of earlier processes
	used   time.Duration   // their processor time
}

// prepare chooses the node's addresses and directory.
func (n *Node) prepare(ctx context.Context, o Options) error {
	n.options = process.Options{
		Binary: o.Binary, DataDir: filepath.Join(o.Dir, n.Name), Env: slices.Clone(o.Env),
		Args: slices.Concat(process.NoConnectRates, []string{"--drain-time", "2s"}, o.Args),
	}
	if n.Host.Namespace != "" {
		n.options.Through = []string{"ip", "netns", "exec", n.Host.Namespace}
	} else if o.CPUs != "" {
		n.options.Through = []string{"taskset", "-c", o.CPUs}
	}
	if err := os.MkdirAll(n.options.DataDir, 0o700); err != nil {
		return err
	}
	var err error
	switch {
	case o.Hold:
		if n.options.Listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(n.Host.Address)}); err != nil {
			return err
		}
		n.options.Address = n.options.Listener.Addr().String()
	case n.Host.Namespace != "":
		// It has the addresses to itself.
		n.options.Address = net.JoinHostPort(n.Host.Address, "8080")
	default:
		if n.options.Address, err = process.FreeAddress(ctx); err != nil {
			return err
		}
	}
	if n.Host.Namespace != "" {
		n.routes = net.JoinHostPort(n.Host.Routes, RoutePort)
	} else if n.routes, err = process.FreeAddress(ctx); err != nil {
		return err
	}
	n.api = newAPI(n.options.Address)
	return nil
}

// RoutePort is the port of --cluster-listen of nodes in namespaces.
const RoutePort = "6222"

// Start starts the node and waits until it is ready.
func (n *Node) Start(ctx context.Context) error {
	s, err := process.Start(ctx, n.options)
	if err != nil {
		return fmt.Errorf("%s: %w", n.Name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server != nil {
		n.ended.WriteString(n.server.Log())
		used, err := n.server.CPU()
		if err != nil {
			return err
		}
		n.used += used
	}
	n.server = s
	return nil
}

// Env is what the environment of the node has beyond the usual, so that a server
// of the test's can have it too.
func (n *Node) Env() []string { return slices.Clone(n.options.Env) }

// Use has the node run another program from its next start on; "" is the
// program under test.
func (n *Node) Use(binary string) { n.options.Binary = binary }

// Log is what all processes of the node have written.
func (n *Node) Log() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server == nil {
		return ""
	}
	return n.ended.String() + n.server.Log()
}

// CPU is the processor time that all processes of the node have used.
func (n *Node) CPU() (time.Duration, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	used, err := n.server.CPU()
	return n.used + used, err
}

// Server is the running process, or the last one; nil before the first start.
func (n *Node) Server() *process.Server {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.server
}

// Kill ends the node with SIGKILL. A stopped process dies too.
func (n *Node) Kill() error {
	if s := n.Server(); s != nil {
		return s.Kill()
	}
	return nil
}

// Stop ends the node as an operator does: it drains.
func (n *Node) Stop() error { return n.Server().Stop() }

// Clients is the node as clients see it.
func (n *Node) Clients() crowd.Node {
	return crowd.Node{Name: n.Name, WebSocket: "ws://" + n.options.Address, API: n.api}
}

// Clients returns all nodes as clients see them.
func (c *Cluster) Clients() []crowd.Node {
	nodes := make([]crowd.Node, len(c.Nodes))
	for i, n := range c.Nodes {
		nodes[i] = n.Clients()
	}
	return nodes
}

// WaitReady waits until the balancer takes all nodes for ready, and returns how
// many are not when the context ends.
func (c *Cluster) WaitReady(ctx context.Context) (missing int) {
	for {
		ready := c.Balancer.count()
		if ready == len(c.Nodes) {
			return 0
		}
		select {
		case <-ctx.Done():
			return len(c.Nodes) - ready
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// CPU is the processor time that all nodes have used.
func (c *Cluster) CPU(t testing.TB) time.Duration {
	t.Helper()
	var all time.Duration
	for _, n := range c.Nodes {
		used, err := n.CPU()
		if err != nil {
			t.Fatal(err)
		}
		all += used
	}
	return all
}
