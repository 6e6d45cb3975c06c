//go:build linux

package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/history"
)

// scenario is one kind of fault.
type scenario struct {
	name string
	// keeps says what continues meanwhile, for the table.
	keeps string
	// options are what the run may do.
	options history.Options
	// network says that the scenario breaks what only namespaces have.
	network bool
	// long says that it is left out unless it is asked for by its name.
	long bool
	// rooms and churn, when set, are other rooms than usual, and the pause between joins.
	rooms func() []crowd.Room
	churn time.Duration
	// kind is the deployment that it breaks.
	kind kind
	// silence, when set, is the longest that a room may be silent on any node.
	silence time.Duration
	inject  func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error
}

// stillTalking is how long rooms may be silent that a fault is to leave alone. It
// is far shorter than the fault, and long for a busy machine.
const stillTalking = 4 * time.Second

// unavailable are the answers of a node that cannot say what became of a
// request, or cannot reach what it needs.
var unavailable = []int{500, 503}

// databaseAway is what a run may do while the database does not answer.
var databaseAway = history.Options{Codes: unavailable, MayGiveUp: true, MayLackHistory: true}

// scenarios in the order of the table.
var scenarios = slices.Concat(in(routes, ofRoutes), in(routes, ofInterest), in(external, ofNATS),
	in(replicated, ofReplication), in(five, ofKeepers), in(ten, ofMany))

// in has the scenarios happen in a kind of deployment.
func in(k kind, all []scenario) []scenario {
	for i := range all {
		all[i].kind = k
	}
	return all
}

// ofRoutes are the scenarios of nodes that connect themselves.
var ofRoutes = []scenario{
	{
		name: "none", keeps: "everything",
		inject: func(ctx context.Context, _ *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "kill -9 of a node", keeps: "everything; its connections come back on other nodes",
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			return d.kill(ctx, trial, random.Perm(3)[:1])
		},
	},
	{
		name: "kill -9 of two nodes at once", keeps: "everything but messages on the way through both", options: history.Options{MayMiss: true},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			// What only these two had is gone, so nothing is promised of it.
			return d.kill(ctx, trial, random.Perm(3)[:2])
		},
	},
	{
		name: "kill -9 of all nodes", keeps: "nothing; clients wait", options: history.Options{FreshBuckets: 1, Codes: unavailable, MayMiss: true},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			return d.kill(ctx, trial, []int{0, 1, 2})
		},
	},
	{
		name: "SIGSTOP of a node for 0.5–10 s", keeps: "everything on the others; its connections wait", options: history.Options{Codes: unavailable, MayCountWrong: true},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			node := d.cluster.Nodes[random.IntN(3)]
			n, from := node.Server(), trial.Crowd.Now()
			if err := n.Signal(syscall.SIGSTOP); err != nil {
				return err
			}
			cluster.Pause(ctx, 500*time.Millisecond+time.Duration(random.Int64N(int64(9500*time.Millisecond))))
			err := n.Signal(syscall.SIGCONT)
			trial.Over = trial.Crowd.Now()
			trial.Stopped = append(trial.Stopped, history.Stopped{Node: node.Name, From: from, To: trial.Over})
			cluster.Pause(ctx, 4*time.Second)
			return err
		},
	},
	{
		name: "rolling restart", keeps: "everything; connections move",
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			for _, n := range d.cluster.Nodes {
				if err := errors.Join(n.Stop(), n.Start(ctx)); err != nil {
					return err
				}
				if d.cluster.WaitReady(ctx) > 0 {
					return errors.New("a node is not ready after its restart")
				}
			}
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 2*time.Second)
			return nil
		},
	},
	{
		name: "one node cut off, packets dropped", keeps: "each side on its own", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			return d.cutOff(ctx, trial, random, d.network.Drop)
		},
	},
	{
		name: "one node cut off, connections reset", keeps: "each side on its own", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			return d.cutOff(ctx, trial, random, d.network.Reset)
		},
	},
	{
		name: "one node's cable pulled", keeps: "each side on its own", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			alone := random.IntN(3)
			return d.partition(ctx, trial, random, alone, func() error { return d.network.Unplug(ctx, alone) })
		},
	},
	{
		name: "all nodes cut off from each other", keeps: "each node on its own", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			return d.partition(ctx, trial, random, all, func() error {
				return errors.Join(d.between(ctx, 0, 1, d.network.Drop), d.between(ctx, 1, 2, d.network.Drop), d.between(ctx, 0, 2, d.network.Drop))
			})
		},
	},
	{
		name: "two nodes that reach only the third", keeps: "everything; a node may move its connections away", network: true, options: history.Options{Codes: unavailable, MayCountWrong: true},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			pair := random.Perm(3)
			cluster.Pause(ctx, told)
			if err := d.between(ctx, pair[0], pair[1], d.network.Drop); err != nil {
				return err
			}
			cluster.Pause(ctx, 2*time.Second+time.Duration(random.Int64N(int64(6*time.Second))))
			trial.Over = trial.Crowd.Now()
			err := d.network.Heal(ctx)
			cluster.Pause(ctx, 5*time.Second)
			return err
		},
	},
	{
		name: "all routes reset, then 50 ms between the nodes", keeps: "each node on its own until NATS connects again; then everything, slower", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			return d.slowRoutes(ctx, trial)
		},
	},
	{
		name: "PostgreSQL stopped", keeps: "live rooms", options: databaseAway,
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			d.postgres.Stop(d.t)
			cluster.Pause(ctx, 2*time.Second+time.Duration(random.Int64N(int64(4*time.Second))))
			d.postgres.Restart(d.t)
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "PostgreSQL crashed", keeps: "live rooms", options: databaseAway,
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			d.postgres.Kill(d.t)
			cluster.Pause(ctx, time.Second)
			d.postgres.Restart(d.t)
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "PostgreSQL stopped for 10 s (SIGSTOP)", keeps: "live rooms", silence: stillTalking,
		options: databaseAway,
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			resume := d.postgres.Freeze(d.t)
			cluster.Pause(ctx, 10*time.Second)
			resume()
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "PostgreSQL answers 300 ms late", keeps: "everything; calls and connects take longer",
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			if err := d.databases[0].Delay(300 * time.Millisecond); err != nil {
				return err
			}
			cluster.Pause(ctx, 5*time.Second)
			trial.Over = trial.Crowd.Now()
			d.databases[0].EndDelay(ctx)
			cluster.Pause(ctx, 2*time.Second)
			return nil
		},
	},
	{
		name: "connections to PostgreSQL lost", keeps: "everything", options: databaseAway,
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			for range 3 {
				d.databases[0].Cut()
				if err := d.databases[0].Restore(); err != nil {
					return err
				}
				cluster.Pause(ctx, time.Second)
			}
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 2*time.Second)
			return nil
		},
	},
	{
		name: "PostgreSQL read-only", keeps: "live rooms, reads, new chat tokens", options: databaseAway,
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, _ *rand.Rand) error {
			d.postgres.Exec(d.t, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
			cluster.Pause(ctx, 4*time.Second)
			d.postgres.Exec(d.t, "SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "a node's clock two minutes off", keeps: "everything; SendTime shows it; slow mode but for a message at each change",
		options: history.Options{FreshTurns: 2},
		inject: func(ctx context.Context, d *deployment, trial *cluster.Trial, random *rand.Rand) error {
			process, err := os.FindProcess(d.cluster.Nodes[random.IntN(3)].Server().PID())
			if err != nil {
				return err
			}
			skew := 2 * time.Minute
			if random.IntN(2) == 0 {
				skew = -skew
			}
			if err := SetClock(process, skew); err != nil {
				return err
			}
			cluster.Pause(ctx, 5*time.Second)
			trial.Over = trial.Crowd.Now()
			err = SetClock(process, 0)
			cluster.Pause(ctx, 2*time.Second)
			return err
		},
	},
}

// told is after how long the nodes have told each other where their clients are.
const told = 4 * time.Second

// all as the node that is alone means that each is.
const all = -1

// kill kills the nodes at the same time and starts them again.
func (d *deployment) kill(ctx context.Context, trial *cluster.Trial, nodes []int) error {
	cluster.Pause(ctx, told)
	trial.Over = trial.Crowd.Now()
	for _, i := range nodes {
		if err := d.cluster.Nodes[i].Kill(); err != nil {
			return err
		}
	}
	cluster.Pause(ctx, 4*time.Second)
	for _, i := range nodes {
		if err := d.cluster.Nodes[i].Start(ctx); err != nil {
			return err
		}
	}
	cluster.Pause(ctx, 3*time.Second)
	return nil
}

// between breaks the link between two nodes, both ways.
func (d *deployment) between(ctx context.Context, a, b int, fault func(ctx context.Context, from, to int) error) error {
	return errors.Join(fault(ctx, a, b), fault(ctx, b, a))
}

// cutOff breaks the links of one node to both others.
func (d *deployment) cutOff(ctx context.Context, trial *cluster.Trial, random *rand.Rand, fault func(ctx context.Context, from, to int) error) error {
	nodes := random.Perm(3)
	return d.partition(ctx, trial, random, nodes[0], func() error {
		return errors.Join(d.between(ctx, nodes[0], nodes[1], fault), d.between(ctx, nodes[0], nodes[2], fault))
	})
}

// rejoinTime is how long after a link is mended the nodes may still differ.
const rejoinTime = 8 * time.Second

// partition breaks links for some seconds so that one node is alone.
func (d *deployment) partition(ctx context.Context, trial *cluster.Trial, random *rand.Rand, alone int, fault func() error) error {
	cluster.Pause(ctx, time.Second)
	end := d.apart(trial, alone)
	if err := fault(); err != nil {
		return err
	}
	cluster.Pause(ctx, time.Second+time.Duration(random.Int64N(int64(7*time.Second))))
	trial.Over = trial.Crowd.Now()
	err := d.network.Heal(ctx)
	cluster.Pause(ctx, rejoinTime)
	end()
	cluster.Pause(ctx, 4*time.Second)
	return err
}

// slowRoutes leads the routes through proxies that delay them. It takes NATS
// longer to connect again than nodes wait for each other, so each is on its own
// for a moment, when the proxies come and when they go.
func (d *deployment) slowRoutes(ctx context.Context, trial *cluster.Trial) error {
	apart := d.apart(trial, all)
	proxies, err := d.network.Proxies(ctx)
	defer func() {
		for _, p := range proxies {
			p.Cut()
		}
	}()
	if err != nil {
		return err
	}
	for _, p := range proxies {
		if err := p.Delay(50 * time.Millisecond); err != nil {
			return err
		}
	}
	cluster.Pause(ctx, rejoinTime)
	apart()
	cluster.Pause(ctx, 5*time.Second)
	apart = d.apart(trial, all)
	trial.Over = trial.Crowd.Now()
	for _, p := range proxies {
		p.Cut()
	}
	err = d.network.Heal(ctx)
	cluster.Pause(ctx, rejoinTime)
	apart()
	cluster.Pause(ctx, 4*time.Second)
	return err
}

// apart begins a time in which one node, or each, is alone; what it returns ends
// it.
func (d *deployment) apart(trial *cluster.Trial, alone int) (end func()) {
	p := history.Partition{From: trial.Crowd.Now(), Side: map[string]int{}}
	for i, n := range d.cluster.Nodes {
		if p.Side[n.Name] = 0; i == alone || alone == all {
			p.Side[n.Name] = i + 1
		}
	}
	return func() {
		p.To = trial.Crowd.Now()
		trial.Partitions = append(trial.Partitions, p)
	}
}
