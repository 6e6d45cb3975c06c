package cluster_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/history"
	"confab/internal/testbed/official"
)

var (
	connections = flag.Int("connections", 300, "how many TestRollingDeploy holds; make bench-rolling has 10,000")
	masses      = flag.Int("masses", 2, "over how many processes they are spread")
	drainTime   = flag.Duration("drain", 4*time.Second, "the nodes' --drain-time in TestRollingDeploy")
)

const (
	perRoom = 50
	// awayAtMost is how long a client may be away: far more than it takes, far
	// less than what an official client would give up after.
	awayAtMost = 15 * time.Second
)

// TestRollingDeploy restarts three nodes one after another, as a deployment does,
// under many connections, official clients and people whom the checker watches.
func TestRollingDeploy(t *testing.T) {
	t.Parallel()
	official.Need(t, official.Dir)
	c := start(t, cluster.Options{Args: []string{"--drain-time", drainTime.String(), "--log-level", "warn"}})
	address, err := c.Balancer.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []*mass
	for range *masses {
		all = append(all, startMass(t, massOptions{c.Places(), *connections / *masses / perRoom, perRoom}))
	}
	for _, m := range all {
		m.connected(t)
	}
	people, ctx := crowd.New(t.Context(), crowd.Options{Pick: c.Balancer.Pick})
	defer people.End()
	room := []crowd.Room{{Rate: 100}}
	if err := people.Open(ctx, c.Nodes[0].Clients(), room); err != nil {
		t.Fatal(err)
	}
	clients := official.Start(t, official.Environment("http://"+address, "ws://"+address), crowd.ARNs(room)[0], 12)
	clients.Chat(t, "before")

	before := measureCPU(t, c, func() { cluster.Pause(ctx, 4*time.Second) })
	var drains []drain
	trial := cluster.Trial{Seed: 1, Writers: 1, Rooms: []crowd.Room{{Rate: 100, Offered: 20, Clients: 9}}}
	var report history.Report
	during := measureCPU(t, c, func() {
		report, err = c.Run(ctx, &trial, func(ctx context.Context, _ *cluster.Trial) error {
			cluster.Pause(ctx, crowd.Warm)
			for _, n := range c.Nodes {
				d := drain{Node: n.Name, From: time.Now()}
				if err := n.Server().Terminate(); err != nil {
					return err
				}
				<-n.Server().Done() // Longer than Stop waits, with a long drain.
				d.To = time.Now()
				drains = append(drains, d)
				if err := errors.Join(n.Stop(), n.Start(ctx)); err != nil {
					return err
				}
				if c.WaitReady(ctx) > 0 {
					return errors.New("not all nodes are ready")
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
	for _, v := range report.Violations {
		t.Error(v)
	}
	clients.Chat(t, "after")
	var r massReport
	for _, m := range all {
		some := m.end(t)
		r.Clients = append(r.Clients, some.Clients...)
		r.GaveUp = append(r.GaveUp, some.GaveUp...)
	}
	checkRolling(t, r, drains)
	t.Logf("processor time of all nodes: %.0f %% of one processor before, %.0f %% on average during the deployment of %.0f s",
		100*before, 100*during, drains[len(drains)-1].To.Sub(drains[0].From).Seconds())
}

// measureCPU returns the processors that all nodes together keep busy while f
// runs.
func measureCPU(t *testing.T, c *cluster.Cluster, f func()) float64 {
	t.Helper()
	began, used := time.Now(), c.CPU(t)
	f()
	return float64(c.CPU(t)-used) / float64(time.Since(began))
}

// drain is the stop of one node, from the signal to the end of its process.
type drain struct {
	Node     string
	From, To time.Time
}

// change is one more client away, or one less.
type change struct {
	at time.Time
	by int
}

// checkRolling holds what clients saw against what a deployment may do: only
// connections of the node being drained end, so never more clients are away at
// once than were on it; everybody comes back.
func checkRolling(t *testing.T, r massReport, drains []drain) {
	t.Helper()
	shares := make([]int, len(drains)) // how many were on the node when its drain began
	var changes []change
	var absences []time.Duration
	moved, strays := 0, 0
	for _, stays := range r.Clients {
		for i, s := range stays {
			for n, d := range drains {
				if s.Node == d.Node && s.From.Before(d.From) && (s.To.IsZero() || s.To.After(d.From)) {
					shares[n]++
				}
			}
			if s.To.IsZero() {
				continue
			}
			moved++
			if !slices.ContainsFunc(drains, func(d drain) bool { return d.Node == s.Node && s.To.After(d.From) && s.To.Before(d.To) }) {
				strays++
			}
			changes = append(changes, change{s.To, 1})
			if i+1 < len(stays) {
				changes = append(changes, change{stays[i+1].From, -1})
				absences = append(absences, stays[i+1].From.Sub(s.To))
			}
		}
		if last := stays[len(stays)-1]; !last.To.IsZero() {
			t.Errorf("a client is away since %s", last.To)
		}
	}
	if len(r.Clients) != *masses*(*connections / *masses / perRoom)*perRoom || moved == 0 {
		t.Fatalf("%d clients, %d moves", len(r.Clients), moved)
	}
	slices.SortFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	away, most := 0, make([]int, len(drains)) // in each drain, until the next
	for _, ch := range changes {
		away += ch.by
		n := 0
		for n+1 < len(drains) && !ch.at.Before(drains[n+1].From) {
			n++
		}
		most[n] = max(most[n], away)
	}
	for n, d := range drains {
		t.Logf("%s drained in %.1f s: %.1f %% of %d clients were on it, at most %.1f %% (%d) away at once", d.Node, d.To.Sub(d.From).Seconds(),
			percent(shares[n], len(r.Clients)), len(r.Clients), percent(most[n], len(r.Clients)), most[n])
		if most[n] > shares[n] {
			t.Errorf("%d clients were away at once while %s with %d of them was drained", most[n], d.Node, shares[n])
		}
	}
	slices.Sort(absences)
	longest := absences[len(absences)-1]
	t.Logf("%d moves; a client was away for %s at the median, %s at p99, %s at most",
		moved, round(absences[len(absences)/2]), round(absences[len(absences)*99/100]), round(longest))
	if longest > awayAtMost {
		t.Errorf("a client was away for %s", longest)
	}
	if strays > 0 {
		t.Errorf("%d connections ended on nodes that were not drained", strays)
	}
	for _, client := range r.GaveUp {
		t.Errorf("gave up: %s", client)
	}
}

func percent(part, whole int) float64 { return 100 * float64(part) / float64(whole) }

func round(d time.Duration) string { return fmt.Sprint(d.Round(100 * time.Microsecond)) }
