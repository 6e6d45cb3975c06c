package cluster_test

import (
	"context"
	"os"
	"testing"
	"time"

	"confab/e2e/cluster"
	"confab/e2e/crowd"
	"confab/e2e/history"
	"confab/e2e/process"
)

func TestMain(m *testing.M) {
	status := m.Run()
	process.Remove()
	os.Exit(status)
}

// rooms are a room whose rate is exceeded all the time, and two that are not.
func rooms() []crowd.Room {
	return []crowd.Room{
		{Rate: 10, Offered: 20, Clients: 6}, {Rate: 100, Offered: 40, Clients: 10}, {Rate: 100, Offered: 30, Clients: 10},
	}
}

// run opens the rooms, has the clients talk while fault happens, and checks what
// they saw.
func run(t *testing.T, c *cluster.Cluster, seed uint64, o history.Options, fault func(ctx context.Context)) history.Measures {
	t.Helper()
	rooms := rooms()
	people, living := crowd.New(t.Context(), crowd.Options{Pick: c.Balancer.Pick})
	defer people.End()
	if err := people.Open(living, c.Nodes[0].Clients(), rooms); err != nil {
		t.Fatal(err)
	}
	talking, quiet := context.WithCancel(living)
	people.Load(talking, living, rooms, c.Clients(), seed)
	fault(living)
	quiet()
	settling, cancel := context.WithTimeout(living, 30*time.Second)
	defer cancel()
	if err := people.Settle(settling, crowd.ARNs(rooms)); err != nil {
		t.Error(err)
	}
	h := people.End()
	h.Rates = crowd.Rates(rooms)
	for _, v := range history.Check(h, o).Violations {
		t.Error(v)
	}
	m := history.Measure(h)
	t.Logf("%+v", m)
	if m.Acknowledged == 0 || m.Refused[429] == 0 {
		t.Error("the load is no load")
	}
	return m
}

// during lets the load go on for a while.
func during(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// TestSingle restarts one node with SQLite behind a listener that the test holds.
func TestSingle(t *testing.T) {
	c, err := cluster.Start(t.Context(), cluster.Options{Nodes: 1, Dir: t.TempDir(), Hold: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
	})
	node := c.Nodes[0]
	restart := func(t *testing.T, end func() error) func(context.Context) {
		return func(ctx context.Context) {
			during(ctx, 2*time.Second)
			if err := end(); err != nil {
				t.Error(err)
			}
			if err := node.Start(ctx); err != nil {
				t.Fatal(err)
			}
			during(ctx, 2*time.Second)
		}
	}
	t.Run("nothing happens", func(t *testing.T) {
		run(t, c, 1, history.Options{}, func(ctx context.Context) { during(ctx, 3*time.Second) })
	})
	// Rates are kept in memory: one node that starts again begins them anew.
	fresh := history.Options{FreshBuckets: 1}
	t.Run("kill -9", func(t *testing.T) { run(t, c, 2, fresh, restart(t, node.Kill)) })
	t.Run("drain", func(t *testing.T) { run(t, c, 3, fresh, restart(t, node.Stop)) })
}
