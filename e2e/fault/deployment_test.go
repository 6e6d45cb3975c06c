//go:build linux

package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/faultproxy"
	"confab/internal/testbed/process"
)

// kind is what the nodes of a deployment need.
type kind string

const (
	// routes is nodes that form a NATS cluster themselves, and one PostgreSQL.
	routes kind = "nodes with routes"
	// external is nodes that use an existing nats-server, and one PostgreSQL.
	external kind = "nodes with an existing NATS"
	// replicated is as routes, and PostgreSQL has a synchronous standby.
	replicated kind = "nodes on PostgreSQL with a standby"
	// five is as routes, with five nodes: a room is kept on three of them.
	five kind = "five nodes with routes"
	// ten is as routes, with ten nodes.
	ten kind = "ten nodes with routes"
)

// deployment is what faults can break.
type deployment struct {
	t         *testing.T // the round's
	cluster   *cluster.Cluster
	network   *Network      // nil where there are no namespaces
	nats      *process.NATS // nil but for external
	postgres  *pgtest.Cluster
	standby   *pgtest.Cluster     // nil but for replicated
	databases []*faultproxy.Proxy // in front of postgres, and of standby
	dir       string
}

// nodes returns how many nodes the deployment has.
func (k kind) nodes() int {
	switch k {
	case five:
		return 5
	case ten:
		return 10
	}
	return nodes
}

const (
	nodes = 3
	// natsNode is the place in the network of an existing NATS, behind the nodes.
	natsNode = nodes
)

// newNetwork makes places for nodes and for NATS; nil where that cannot be.
func newNetwork(t *testing.T, places int) *Network {
	n, err := NewNetwork(t.Context(), places)
	if err != nil {
		t.Logf("scenarios of the network are left out: %v", err)
		return nil
	}
	t.Cleanup(func() {
		if err := n.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return n
}

// trusted has nodes believe which address a client of a run says that it has. Some of these
// addresses are banned.
var trusted = []string{"--trusted-proxies", "127.0.0.0/8," + clientNet}

func deploy(t *testing.T, k kind, network *Network) *deployment {
	d := &deployment{t: t, network: network, postgres: pgtest.Start(t)}
	var err error
	//nolint:usetesting // What a failed round saw outlives the test.
	if d.dir, err = os.MkdirTemp("", "confab-fault-"); err != nil {
		t.Fatal(err)
	}
	// With a short interval, numbers are right soon after a fault.
	args := append([]string{"--presence-interval", "1s"}, trusted...)
	o := cluster.Options{Nodes: k.nodes(), Dir: filepath.Join(d.dir, "nodes"), Args: args}
	if network != nil {
		o.Hosts = network.Hosts()
	}
	d.postgres.Exec(t, "CREATE DATABASE chat")
	if k == ten { // Each node has up to 30 connections, and a node that was killed has them for a moment more.
		d.postgres.Exec(t, "ALTER SYSTEM SET max_connections = 800")
		d.postgres.Stop(t)
		d.postgres.Restart(t)
	}
	servers := []*pgtest.Cluster{d.postgres}
	if k == replicated {
		d.standby = d.postgres.Standby(t)
		servers = append(servers, d.standby)
	}
	o.Database = d.proxies(t, servers)
	if k == external {
		d.startNATS(t)
		o.NATS = d.nats.URL()
	}
	if d.cluster, err = cluster.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.cluster.Kill(); err != nil {
			t.Error(err)
		}
		if !t.Failed() {
			os.RemoveAll(d.dir)
		}
	})
	return d
}

// proxies puts a proxy in front of each server and returns the URL of the
// database behind them.
func (d *deployment) proxies(t *testing.T, servers []*pgtest.Cluster) string {
	host := "127.0.0.1"
	if d.network != nil {
		host = Gateway
	}
	var hosts []string
	for _, s := range servers {
		p, err := faultproxy.New(host, s.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Cut)
		d.databases = append(d.databases, p)
		hosts = append(hosts, net.JoinHostPort(host, p.Port))
	}
	url := fmt.Sprintf("postgres://%s@%s/chat?sslmode=disable", pgtest.User, strings.Join(hosts, ","))
	if len(hosts) > 1 {
		url += "&target_session_attrs=read-write"
	}
	return url
}

// startNATS starts a nats-server, on a machine of its own if there is a network.
func (d *deployment) startNATS(t *testing.T) {
	var o process.NATSOptions
	if d.network != nil {
		o.Through = []string{"ip", "netns", "exec", d.network.names[natsNode]}
		o.Address = net.JoinHostPort(RouteAddress(natsNode), "4222")
	}
	var err error
	if d.nats, err = process.StartNATS(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.nats.Kill(); err != nil {
			t.Error(err)
		}
	})
}

// keep writes down what a failed round saw.
func (d *deployment) keep(t *testing.T, trial *cluster.Trial) {
	dir := filepath.Join(d.dir, strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' {
			return '_'
		}
		return r
	}, t.Name()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Error(err)
		}
	}
	if b, err := json.Marshal(trial.History); err == nil {
		write("history.json", b)
	}
	for _, n := range d.cluster.Nodes {
		write(n.Name+".log", []byte(n.Log()))
		for line := range strings.Lines(n.Log()) {
			if strings.Contains(line, "View committed") {
				t.Logf("%s: %s", n.Name, line[:min(len(line), 250)])
			}
		}
	}
	t.Logf("kept in %s", dir)
}

// renew starts all nodes anew, so that a failure does not become the next
// round's.
func (d *deployment) renew(t *testing.T) {
	if d.network != nil {
		if err := d.network.Heal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range d.databases {
		p.EndDelay(t.Context())
	}
	for _, n := range d.cluster.Nodes {
		if err := n.Kill(); err != nil {
			t.Error(err)
		}
	}
	if err := d.cluster.StartAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if missing := d.cluster.WaitReady(t.Context()); missing > 0 {
		t.Fatalf("%d nodes are not ready", missing)
	}
}
