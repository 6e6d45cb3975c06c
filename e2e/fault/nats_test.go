//go:build linux

package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"time"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/history"
)

// ofNATS are the scenarios of nodes that use an existing NATS. Nodes that
// lose it cannot reach each other.
var ofNATS = []scenario{
	{
		name: "kill -9 of a node (--nats)", keeps: "everything; its connections come back on other nodes",
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			return d.kill(ctx, trial, random.Perm(nodes)[:1])
		},
	},
	{
		name: "kill -9 of NATS, started again after 0–5 s", keeps: "each node on its own",
		silence: stillTalking, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			return d.withoutNATS(ctx, trial, time.Duration(random.Int64N(int64(5*time.Second))), d.nats.Kill,
				func() error { return d.nats.Start(ctx) })
		},
	},
	{
		name: "SIGSTOP of NATS for 5 s", keeps: "each node on its own",
		silence: stillTalking, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			return d.withoutNATS(ctx, trial, 5*time.Second, func() error { return d.nats.Signal(syscall.SIGSTOP) },
				func() error { return d.nats.Signal(syscall.SIGCONT) })
		},
	},
	{
		name: "one node cut off from NATS, packets dropped", keeps: "each side on its own", network: true,
		silence: stillTalking, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			return d.cutOffNATS(ctx, trial, random, d.network.Drop)
		},
	},
	{
		name: "one node cut off from NATS, connections reset", keeps: "each side on its own", network: true,
		silence: stillTalking, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			return d.cutOffNATS(ctx, trial, random, d.network.Reset)
		},
	},
}

// withoutNATS takes NATS away from all nodes for a time.
func (d *deployment) withoutNATS(ctx context.Context, trial *cluster.Trial, gone time.Duration, away, back func() error) error {
	end := d.apart(trial, all)
	if err := away(); err != nil {
		return err
	}
	cluster.Pause(ctx, gone)
	trial.Over = trial.Crowd.Now()
	err := back()
	cluster.Pause(ctx, rejoinTime)
	end()
	cluster.Pause(ctx, 4*time.Second)
	return err
}

// cutOffNATS breaks the link between one node and NATS.
func (d *deployment) cutOffNATS(ctx context.Context, trial *cluster.Trial, random *rand.Rand, fault func(ctx context.Context, from, to int) error) error {
	alone := random.IntN(nodes)
	return d.partition(ctx, trial, random, alone, func() error {
		return errors.Join(fault(ctx, alone, natsNode), fault(ctx, natsNode, alone))
	})
}
