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
	"confab/internal/testbed/process"
)

// kind is what the nodes of a world stand on.
type kind string

const (
	// routes is nodes that form a NATS cluster themselves, and one PostgreSQL.
	routes kind = "nodes with routes"
	// external is nodes that use an existing nats-server, and one PostgreSQL.
	external kind = "nodes with an existing NATS"
	// replicated is as routes, and PostgreSQL has a synchronous standby.
	replicated kind = "nodes on PostgreSQL with a standby"
)

// world is what faults can break.
type world struct {
	t         *testing.T // the round's
	cluster   *cluster.Cluster
	network   *Network      // nil where there are no namespaces
	nats      *process.NATS // nil but for external
	postgres  *pgtest.Cluster
	standby   *pgtest.Cluster // nil but for replicated
	databases []*Proxy        // in front of postgres, and of standby
	dir       string
}

const (
	nodes = 3
	// natsNode is the place in the network of an existing NATS, behind the nodes.
	natsNode = nodes
)

// newNetwork makes a place for each node and for NATS; nil where that cannot be.
func newNetwork(t *testing.T) *Network {
	n, err := NewNetwork(t.Context(), nodes+1)
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

func newWorld(t *testing.T, k kind, network *Network) *world {
	w := &world{t: t, network: network, postgres: pgtest.Start(t)}
	var err error
	//nolint:usetesting // What a failed round saw outlives the test.
	if w.dir, err = os.MkdirTemp("", "confab-fault-"); err != nil {
		t.Fatal(err)
	}
	o := cluster.Options{Nodes: nodes, Dir: filepath.Join(w.dir, "nodes")}
	if network != nil {
		o.Hosts = network.Hosts()
	}
	w.postgres.Exec(t, "CREATE DATABASE chat")
	servers := []*pgtest.Cluster{w.postgres}
	if k == replicated {
		w.standby = w.postgres.Standby(t)
		servers = append(servers, w.standby)
	}
	o.Database = w.proxies(t, servers)
	if k == external {
		w.startNATS(t)
		o.NATS = w.nats.URL()
	}
	if w.cluster, err = cluster.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.cluster.Kill(); err != nil {
			t.Error(err)
		}
		if !t.Failed() {
			os.RemoveAll(w.dir)
		}
	})
	return w
}

// proxies puts a proxy in front of each server and returns the URL of the
// database behind them.
func (w *world) proxies(t *testing.T, servers []*pgtest.Cluster) string {
	host := "127.0.0.1"
	if w.network != nil {
		host = Gateway
	}
	var hosts []string
	for _, s := range servers {
		p, err := NewProxy(host, s.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		w.databases = append(w.databases, p)
		hosts = append(hosts, net.JoinHostPort(host, p.Port))
	}
	url := fmt.Sprintf("postgres://%s@%s/chat?sslmode=disable", pgtest.User, strings.Join(hosts, ","))
	if len(hosts) > 1 {
		url += "&target_session_attrs=read-write"
	}
	return url
}

// startNATS starts a nats-server, on a machine of its own if there is a network.
func (w *world) startNATS(t *testing.T) {
	var o process.NATSOptions
	if w.network != nil {
		o.Through = []string{"ip", "netns", "exec", w.network.names[natsNode]}
		o.Address = net.JoinHostPort(RouteAddress(natsNode), "4222")
	}
	var err error
	if w.nats, err = process.StartNATS(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.nats.Kill(); err != nil {
			t.Error(err)
		}
	})
}

// keep writes down what a failed round saw.
func (w *world) keep(t *testing.T, trial *cluster.Trial) {
	dir := filepath.Join(w.dir, strings.Map(func(r rune) rune {
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
	for _, n := range w.cluster.Nodes {
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
func (w *world) renew(t *testing.T) {
	if w.network != nil {
		if err := w.network.Heal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range w.databases {
		d.Calm(t.Context())
	}
	for _, n := range w.cluster.Nodes {
		if err := n.Kill(); err != nil {
			t.Error(err)
		}
	}
	if err := w.cluster.StartAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if missing := w.cluster.WaitReady(t.Context()); missing > 0 {
		t.Fatalf("%d nodes are not ready", missing)
	}
}
