//go:build linux

package fault

import (
	"context"
	"math/rand/v2"
	"time"

	"confab/internal/testbed/cluster"
)

// ofReplication are the scenarios of a PostgreSQL with a standby.
var ofReplication = []scenario{
	{
		name: "PostgreSQL fails over to its synchronous standby", keeps: "live rooms",
		silence: stillTalking, options: databaseAway,
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			d.postgres.Kill(d.t)
			cluster.Pause(ctx, 2*time.Second) // An operator's tools need a moment to be sure.
			d.standby.Promote(d.t)
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			// The next round's standby, under load as it would be.
			d.postgres, d.standby = d.standby, d.postgres
			d.standby.Follow(d.t, d.postgres)
			cluster.Pause(ctx, time.Second)
			return nil
		},
	},
	{
		name: "PostgreSQL without its synchronous standby for 4 s", keeps: "live rooms, reads; writes and new connections wait",
		silence: stillTalking, options: databaseAway,
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			d.standby.Kill(d.t)
			cluster.Pause(ctx, 4*time.Second)
			d.standby.Restart(d.t)
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
}
