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
	"confab/internal/testbed/history"
)

// scenario is one kind of fault.
type scenario struct {
	name string
	// keeps says what goes on meanwhile, for the table.
	keeps string
	// options are what the run may do.
	options history.Options
	// network says that the scenario breaks what only namespaces have.
	network bool
	// kind is the world that it happens in.
	kind kind
	// silence, when set, is the longest that a room may be silent on any node.
	silence time.Duration
	inject  func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error
}

// stillTalking is how long rooms may be silent that a fault is to leave alone. It
// is far shorter than the fault, and long for a busy machine.
const stillTalking = 4 * time.Second

// unavailable are the answers of a node that cannot say what became of a
// request, or cannot reach what it needs.
var unavailable = []int{500, 503}

// scenarios in the order of the table.
var scenarios = slices.Concat(in(routes, worldOfRoutes), in(external, worldOfNATS), in(replicated, worldOfReplication))

// in has the scenarios happen in a kind of world.
func in(k kind, all []scenario) []scenario {
	for i := range all {
		all[i].kind = k
	}
	return all
}

// worldOfRoutes are the scenarios of nodes that connect themselves.
var worldOfRoutes = []scenario{
	{
		name: "none", keeps: "everything",
		inject: func(ctx context.Context, _ *world, trial *cluster.Trial, _ *rand.Rand) error {
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "kill -9 of a node", keeps: "everything; its connections come back on other nodes",
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			return w.kill(ctx, trial, random.Perm(3)[:1])
		},
	},
	{
		name: "kill -9 of two nodes at once", keeps: "everything but messages on the way through both",
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			// What both had and nobody else is gone, so nothing is promised of it.
			return w.kill(ctx, trial, random.Perm(3)[:2])
		},
	},
	{
		name: "kill -9 of all nodes", keeps: "nothing; clients wait", options: history.Options{FreshBuckets: 1, Codes: unavailable},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			return w.kill(ctx, trial, []int{0, 1, 2})
		},
	},
	{
		name: "SIGSTOP of a node for 0.5–10 s", keeps: "everything on the others; its connections wait", options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			n := w.cluster.Nodes[random.IntN(3)].Server()
			if err := n.Signal(syscall.SIGSTOP); err != nil {
				return err
			}
			cluster.Pause(ctx, 500*time.Millisecond+time.Duration(random.Int64N(int64(9500*time.Millisecond))))
			trial.Over = trial.Crowd.Now()
			err := n.Signal(syscall.SIGCONT)
			cluster.Pause(ctx, 4*time.Second)
			return err
		},
	},
	{
		name: "rolling restart", keeps: "everything; connections move",
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			for _, n := range w.cluster.Nodes {
				if err := errors.Join(n.Stop(), n.Start(ctx)); err != nil {
					return err
				}
				if w.cluster.WaitReady(ctx) > 0 {
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
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			return w.cutOff(ctx, trial, random, w.network.Drop)
		},
	},
	{
		name: "one node cut off, connections reset", keeps: "each side on its own", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			return w.cutOff(ctx, trial, random, w.network.Reset)
		},
	},
	{
		name: "one node's cable pulled", keeps: "each side on its own", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			alone := random.IntN(3)
			return w.partition(ctx, trial, random, alone, func() error { return w.network.Unplug(ctx, alone) })
		},
	},
	{
		name: "all nodes cut off from each other", keeps: "each node on its own", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			return w.partition(ctx, trial, random, all, func() error {
				return errors.Join(w.between(ctx, 0, 1, w.network.Drop), w.between(ctx, 1, 2, w.network.Drop), w.between(ctx, 0, 2, w.network.Drop))
			})
		},
	},
	{
		name: "two nodes that hear only the third", keeps: "everything; a node may move its connections away", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			pair := random.Perm(3)
			if err := w.between(ctx, pair[0], pair[1], w.network.Drop); err != nil {
				return err
			}
			cluster.Pause(ctx, 2*time.Second+time.Duration(random.Int64N(int64(6*time.Second))))
			trial.Over = trial.Crowd.Now()
			err := w.network.Heal(ctx)
			cluster.Pause(ctx, 5*time.Second)
			return err
		},
	},
	{
		name: "all routes reset, then 50 ms between the nodes", keeps: "each node on its own until NATS connects again; then everything, slower", network: true, options: history.Options{Codes: unavailable},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			return w.slowRoutes(ctx, trial)
		},
	},
	{
		name: "PostgreSQL stopped", keeps: "live rooms", options: history.Options{Codes: unavailable, MayGiveUp: true},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			w.postgres.Stop(w.t)
			cluster.Pause(ctx, 2*time.Second+time.Duration(random.Int64N(int64(4*time.Second))))
			w.postgres.Restart(w.t)
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "PostgreSQL crashed", keeps: "live rooms", options: history.Options{Codes: unavailable, MayGiveUp: true},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			w.postgres.Kill(w.t)
			cluster.Pause(ctx, time.Second)
			w.postgres.Restart(w.t)
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "PostgreSQL stopped for 10 s (SIGSTOP)", keeps: "live rooms", silence: stillTalking,
		options: history.Options{Codes: unavailable, MayGiveUp: true},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			thaw := w.postgres.Freeze(w.t)
			cluster.Pause(ctx, 10*time.Second)
			thaw()
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "PostgreSQL answers 300 ms late", keeps: "everything; calls and connects take longer",
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			if err := w.databases[0].Delay(300 * time.Millisecond); err != nil {
				return err
			}
			cluster.Pause(ctx, 5*time.Second)
			trial.Over = trial.Crowd.Now()
			w.databases[0].Calm(ctx)
			cluster.Pause(ctx, 2*time.Second)
			return nil
		},
	},
	{
		name: "connections to PostgreSQL lost", keeps: "everything", options: history.Options{Codes: unavailable, MayGiveUp: true},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			for range 3 {
				w.databases[0].Stop()
				if err := w.databases[0].Start(); err != nil {
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
		name: "PostgreSQL read-only", keeps: "live rooms, reads, new chat tokens", options: history.Options{Codes: unavailable, MayGiveUp: true},
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, _ *rand.Rand) error {
			w.postgres.Exec(w.t, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
			cluster.Pause(ctx, 4*time.Second)
			w.postgres.Exec(w.t, "SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
			trial.Over = trial.Crowd.Now()
			cluster.Pause(ctx, 4*time.Second)
			return nil
		},
	},
	{
		name: "a node's clock two minutes off", keeps: "everything; SendTime shows it",
		inject: func(ctx context.Context, w *world, trial *cluster.Trial, random *rand.Rand) error {
			process, err := os.FindProcess(w.cluster.Nodes[random.IntN(3)].Server().PID())
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

// all as the node that is alone means that each is.
const all = -1

// kill kills the nodes at the same time and starts them again.
func (w *world) kill(ctx context.Context, trial *cluster.Trial, nodes []int) error {
	cluster.Pause(ctx, time.Second)
	trial.Over = trial.Crowd.Now()
	for _, i := range nodes {
		if err := w.cluster.Nodes[i].Kill(); err != nil {
			return err
		}
	}
	cluster.Pause(ctx, 4*time.Second)
	for _, i := range nodes {
		if err := w.cluster.Nodes[i].Start(ctx); err != nil {
			return err
		}
	}
	cluster.Pause(ctx, 3*time.Second)
	return nil
}

// between breaks the link between two nodes, both ways.
func (w *world) between(ctx context.Context, a, b int, fault func(ctx context.Context, from, to int) error) error {
	return errors.Join(fault(ctx, a, b), fault(ctx, b, a))
}

// cutOff breaks the links of one node to both others.
func (w *world) cutOff(ctx context.Context, trial *cluster.Trial, random *rand.Rand, fault func(ctx context.Context, from, to int) error) error {
	nodes := random.Perm(3)
	return w.partition(ctx, trial, random, nodes[0], func() error {
		return errors.Join(w.between(ctx, nodes[0], nodes[1], fault), w.between(ctx, nodes[0], nodes[2], fault))
	})
}

// rejoinTime is how long after a link is mended the nodes may still differ.
const rejoinTime = 8 * time.Second

// partition breaks links for some seconds so that one node is alone.
func (w *world) partition(ctx context.Context, trial *cluster.Trial, random *rand.Rand, alone int, fault func() error) error {
	cluster.Pause(ctx, time.Second)
	end := w.apart(trial, alone)
	if err := fault(); err != nil {
		return err
	}
	cluster.Pause(ctx, time.Second+time.Duration(random.Int64N(int64(7*time.Second))))
	trial.Over = trial.Crowd.Now()
	err := w.network.Heal(ctx)
	cluster.Pause(ctx, rejoinTime)
	end()
	cluster.Pause(ctx, 4*time.Second)
	return err
}

// slowRoutes leads the routes through proxies that delay them. It takes NATS
// longer to connect again than nodes wait for each other, so each is on its own
// for a moment, when the proxies come and when they go.
func (w *world) slowRoutes(ctx context.Context, trial *cluster.Trial) error {
	apart := w.apart(trial, all)
	proxies, err := RouteProxies(ctx, w.network)
	defer func() {
		for _, p := range proxies {
			p.Stop()
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
	apart = w.apart(trial, all)
	trial.Over = trial.Crowd.Now()
	for _, p := range proxies {
		p.Stop()
	}
	err = w.network.Heal(ctx)
	cluster.Pause(ctx, rejoinTime)
	apart()
	cluster.Pause(ctx, 4*time.Second)
	return err
}

// apart begins a time in which one node, or each, is alone; what it returns ends
// it.
func (w *world) apart(trial *cluster.Trial, alone int) (end func()) {
	p := history.Partition{From: trial.Crowd.Now(), Side: map[string]int{}}
	for i, n := range w.cluster.Nodes {
		if p.Side[n.Name] = 0; i == alone || alone == all {
			p.Side[n.Name] = i + 1
		}
	}
	return func() {
		p.To = trial.Crowd.Now()
		trial.Partitions = append(trial.Partitions, p)
	}
}
