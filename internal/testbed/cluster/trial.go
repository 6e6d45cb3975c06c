package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"confab/internal/testbed/crowd"
	"confab/internal/testbed/history"
)

// settleTime is how long a cluster may take to come to rest after a fault: more
// than any time that a node waits for another.
const settleTime = 45 * time.Second

// Trial is one run: people talk, something happens, and what they saw is
// checked.
type Trial struct {
	Rooms []crowd.Room
	// Writers is how many write to the control plane meanwhile.
	Writers int
	// Seed decides who says what.
	Seed uint64
	// Churn, if it is not 0, is the pause between two users who join some room for a moment.
	Churn time.Duration
	// Options are what the run may do; the fault may change them.
	Options history.Options
	// Partitions are the fault's to fill.
	Partitions []history.Partition
	// Stopped are the fault's to fill: when nodes were stopped.
	Stopped []history.Stopped
	// Over is when the fault was over, so that healing can be measured; the
	// fault's to set.
	Over time.Duration

	// Crowd is the people, while the trial runs.
	Crowd *crowd.Crowd
	// History is what they saw, when it is over.
	History *history.History
}

// Run has the crowd talk while the fault happens, brings it to rest and checks
// what everybody saw. An error says that the run did not work or came to no
// rest; what the service did wrong is in the report.
func (c *Cluster) Run(ctx context.Context, trial *Trial, fault func(ctx context.Context, trial *Trial) error) (history.Report, error) {
	people, living := crowd.New(ctx, crowd.Options{Pick: c.Balancer.Pick, Near: c.Balancer.Near})
	trial.Crowd = people
	defer people.End()
	if err := people.Open(living, c.Nodes[0].Clients(), trial.Rooms); err != nil {
		return history.Report{}, err
	}
	talking, quiet := context.WithCancel(living)
	defer quiet()
	people.Load(talking, living, trial.Rooms, c.Clients(), trial.Seed)
	if trial.Churn > 0 {
		people.Churn(talking, living, trial.Rooms, trial.Churn, trial.Seed)
	}
	people.Write(talking, living, trial.Writers, c.Clients())
	err := fault(living, trial)
	quiet()
	if err != nil {
		return history.Report{}, err
	}
	settling, cancel := context.WithTimeout(living, settleTime)
	defer cancel()
	if missing := c.WaitReady(settling); missing > 0 {
		return history.Report{}, fmt.Errorf("%d nodes are not ready", missing)
	}
	restless := errors.Join(people.Settle(settling, crowd.ARNs(trial.Rooms)), people.ReadBack(settling, c.Nodes[0].Clients()))
	restless = errors.Join(restless, people.Count(living, crowd.Presence(trial.Rooms), c.Clients()))
	kept, err := people.Kept(living, trial.Rooms, c.Nodes[0].Clients())
	restless = errors.Join(restless, err)
	trial.History = people.End()
	trial.History.Kept = kept
	trial.History.Rates, trial.History.OnJoin = crowd.Rates(trial.Rooms), crowd.OnJoin(trial.Rooms)
	trial.History.DisconnectBan = crowd.DisconnectBan(trial.Rooms)
	trial.History.CatchUp, trial.History.Presence = crowd.CatchUp(trial.Rooms), crowd.Presence(trial.Rooms)
	trial.History.Partitions, trial.History.Stopped = trial.Partitions, trial.Stopped
	trial.History.SlowMode = crowd.SlowModes(trial.Rooms)
	return history.Check(trial.History, trial.Options), restless
}

// Pause lets the clients talk for a while.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
