//go:build linux

package fault

import (
	"context"
	"math/rand/v2"
	"time"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/history"
)

// worldOfReplication are the scenarios of a PostgreSQL with a standby.
var worldOfReplication = []scenario{
	{
		name: "PostgreSQL fails over to its synchronous standby", keeps: "live rooms",
		silence: stillTalking, options: history.Options{Codes: unavailable, MayGiveUp: true},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			w.postgres.Kill(w.t)
			cluster.Pause(ctx, 2*time.Second) // An operator's tools need a moment to be sure.
			w.standby.Promote(w.t)
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			// The next round's standby, under load as it would be.
			w.postgres, w.standby = w.standby, w.postgres
			w.standby.Follow(w.t, w.postgres)
			cluster.Pause(ctx, time.Second)
			return nil
		},
	},
	{
		name: "PostgreSQL without its synchronous standby for 4 s", keeps: "live rooms, reads; writes and new connections wait",
		silence: stillTalking, options: history.Options{Codes: unavailable, MayGiveUp: true},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			w.standby.Kill(w.t)
			cluster.Pause(ctx, 4*time.Second)
			w.standby.Restart(w.t)
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
}
