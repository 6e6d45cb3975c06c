//go:build linux

package fault

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"confab/e2e/cluster"
	"confab/e2e/crowd"
	"confab/e2e/history"
	"confab/e2e/process"
	"confab/internal/pgtest"
)

var (
	rounds = flag.Int("rounds", 0, "how many faults; 0 runs none")
	seed   = flag.Uint64("seed", 1, "decides the order of faults and everything in them")
	only   = flag.String("only", "", "run scenarios whose name contains this")
)

func TestMain(m *testing.M) {
	status := m.Run()
	process.Remove()
	os.Exit(status)
}

// world is what faults can break.
type world struct {
	t        *testing.T // the round's
	cluster  *cluster.Cluster
	network  *Network // nil where there are no namespaces
	postgres *pgtest.Cluster
	database *Proxy // in front of postgres
	dir      string
}

// TestFaults is "make fault".
func TestFaults(t *testing.T) {
	if *rounds == 0 {
		t.Skip("make fault runs this")
	}
	w := newWorld(t)
	random := rand.New(rand.NewPCG(*seed, 0))
	rows := make([]*Row, len(scenarios))
	var possible []int
	for i, s := range scenarios {
		rows[i] = &Row{Name: s.name, Keeps: s.keeps}
		if strings.Contains(s.name, *only) && (w.network != nil || !s.network) {
			possible = append(possible, i)
		}
	}
	var order []int
	for round := 1; round <= *rounds; round++ {
		if len(order) == 0 {
			for _, i := range random.Perm(len(possible)) {
				order = append(order, possible[i])
			}
		}
		i := order[0]
		order = order[1:]
		ours := rand.New(rand.NewPCG(*seed, uint64(round)))
		t.Run(fmt.Sprintf("%d %s", round, scenarios[i].name), func(t *testing.T) { w.round(t, &scenarios[i], rows[i], ours) })
	}
	fmt.Printf("\nseed %d, %d rounds\n\n%s\n", *seed, *rounds, Table(rows))
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, postgres: pgtest.Start(t)}
	var err error
	//nolint:usetesting // What a failed round saw outlives the test.
	if w.dir, err = os.MkdirTemp("", "confab-fault-"); err != nil {
		t.Fatal(err)
	}
	host := Gateway
	if w.network, err = NewNetwork(t.Context(), 3); err != nil {
		t.Logf("scenarios of the network are left out: %v", err)
		w.network, host = nil, "127.0.0.1"
	} else {
		t.Cleanup(func() {
			if err := w.network.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	if w.database, err = NewProxy(host, w.postgres.Address()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.database.Stop)
	database, err := url.Parse(w.postgres.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	database.Host = host + ":" + w.database.Port
	o := cluster.Options{Nodes: 3, Database: database.String(), Dir: filepath.Join(w.dir, "nodes")}
	if w.network != nil {
		o.Hosts = w.network.Hosts()
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

// rooms are one whose rate is exceeded all the time, and others that are not.
// With eight rooms every node is the home of some, nearly always.
func rooms() []crowd.Room {
	rooms := []crowd.Room{{Rate: 10, Offered: 20, Clients: 6}}
	for range 7 {
		rooms = append(rooms, crowd.Room{Rate: 100, Offered: 20, Clients: 6})
	}
	return rooms
}

// round is one fault.
func (w *world) round(t *testing.T, s *scenario, row *Row, random *rand.Rand) {
	w.t = t
	trial := &cluster.Trial{Rooms: rooms(), Seed: random.Uint64(), Options: s.options}
	report, err := w.cluster.Run(t.Context(), trial, func(ctx context.Context, trial *cluster.Trial) error {
		cluster.Pause(ctx, crowd.Warm)
		return s.inject(ctx, w, trial, random)
	})
	if err != nil {
		t.Error(err)
	}
	for _, v := range report.Violations[:min(len(report.Violations), 20)] {
		t.Error(v)
	}
	if trial.History != nil {
		row.Add(trial.History, report, trial.Over)
		m := history.Measure(trial.History)
		t.Logf("%+v, healed after %s, %d violations, %d apart", m, history.Healed(trial.History, trial.Over), len(report.Violations), report.Apart)
	}
	if t.Failed() {
		row.Violations += max(1-len(report.Violations), 0)
		w.keep(t, trial)
		w.renew(t)
	}
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
			if strings.Contains(line, "new view") {
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
	w.database.Calm(t.Context())
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
