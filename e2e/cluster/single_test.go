package cluster_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"confab/internal/pgtest"
	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/history"
	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) {
	if os.Getenv(massEnv) != "" {
		os.Exit(beMass())
	}
	process.Exit(pgtest.Run(m))
}

// rooms are a room whose rate is exceeded all the time, and two that are not. Two of them
// keep their messages: one gives more than there are to those who join, the other fewer.
func rooms() []crowd.Room {
	return []crowd.Room{
		{Rate: 10, Offered: 20, Clients: 6, OnJoin: 100}, {Rate: 100, Offered: 40, Clients: 10, OnJoin: 20}, {Rate: 100, Offered: 30, Clients: 10},
	}
}

// run has people talk while fault happens, and fails the test for whatever they
// should not have seen.
func run(t *testing.T, c *cluster.Cluster, trial cluster.Trial, fault func(ctx context.Context, trial *cluster.Trial) error) {
	t.Helper()
	trial.Rooms = rooms()
	report, err := c.Run(t.Context(), &trial, fault)
	if err != nil {
		t.Error(err)
	}
	for _, v := range report.Violations {
		t.Error(v)
	}
	if trial.History == nil {
		return
	}
	m := history.Measure(trial.History)
	t.Logf("%+v", m)
	if m.Acknowledged == 0 {
		t.Error("the load is no load")
	}
}

// TestSingle restarts one node with SQLite behind a listener that the test holds.
func TestSingle(t *testing.T) {
	t.Parallel()
	c := cluster.Serve(t, cluster.Options{Nodes: 1, Hold: true})
	node := c.Nodes[0]
	restart := func(end func() error) func(context.Context, *cluster.Trial) error {
		return func(ctx context.Context, _ *cluster.Trial) error {
			cluster.Pause(ctx, 2*time.Second)
			if err := errors.Join(end(), node.Start(ctx)); err != nil {
				return err
			}
			cluster.Pause(ctx, 2*time.Second)
			return nil
		}
	}
	t.Run("nothing happens", func(t *testing.T) {
		run(t, c, cluster.Trial{Seed: 1}, func(ctx context.Context, _ *cluster.Trial) error {
			cluster.Pause(ctx, 3*time.Second)
			return nil
		})
	})
	// Rates are kept in memory: one node that starts again begins them anew.
	fresh := history.Options{FreshBuckets: 1}
	t.Run("kill -9", func(t *testing.T) { run(t, c, cluster.Trial{Seed: 2, Options: fresh}, restart(node.Kill)) })
	t.Run("drain", func(t *testing.T) { run(t, c, cluster.Trial{Seed: 3, Options: fresh}, restart(node.Stop)) })
}
