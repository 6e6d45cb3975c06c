//go:build linux

package fault

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/cluster"
	"confab/internal/testbed/crowd"
	"confab/internal/testbed/history"
	"confab/internal/testbed/process"
)

var (
	rounds = flag.Int("rounds", 0, "how many faults; 0 runs none")
	seed   = flag.Uint64("seed", 1, "decides the order of faults and everything in them")
	only   = flag.String("only", "", "run scenarios whose name contains this")
)

func TestMain(m *testing.M) { process.Exit(m.Run()) }

// TestFaults is "make fault". Each lap has every scenario once, in an order that
// the seed decides, but for this: those of one kind of deployment follow each other.
func TestFaults(t *testing.T) {
	if *rounds == 0 {
		t.Skip("make fault runs this")
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	rows := make([]*Row, len(scenarios))
	var possible []int
	places := nodes + 1
	for i, s := range scenarios {
		rows[i] = &Row{Name: s.name, Keeps: s.keeps}
		if strings.Contains(s.name, *only) && (*only != "" || !s.long) {
			possible, places = append(possible, i), max(places, s.kind.nodes())
		}
	}
	network := newNetwork(t, places)
	if network == nil {
		possible = slices.DeleteFunc(possible, func(i int) bool { return scenarios[i].network })
	}
	if len(possible) == 0 {
		t.Fatalf("no scenario's name contains %q", *only)
	}
	for round := 1; round <= *rounds; {
		lap := random.Perm(len(possible))
		lap = lap[:min(len(lap), *rounds-round+1)]
		for _, k := range []kind{routes, external, replicated, five, ten} {
			ofKind := slices.DeleteFunc(slices.Clone(lap), func(n int) bool { return scenarios[possible[n]].kind != k })
			if len(ofKind) == 0 {
				continue
			}
			t.Run(string(k), func(t *testing.T) {
				d := deploy(t, k, network)
				for n, i := range ofKind {
					s, row := &scenarios[possible[i]], rows[possible[i]]
					ours := rand.New(rand.NewPCG(*seed, uint64(round+n)))
					t.Run(fmt.Sprintf("%d %s", round+n, s.name), func(t *testing.T) { d.round(t, s, row, ours) })
				}
			})
			round += len(ofKind)
		}
	}
	fmt.Printf("\nseed %d, %d rounds\n\n%s\n", *seed, *rounds, Table(rows))
}

// rooms are one whose rate is exceeded all the time, and others that are not.
// With eight rooms every node is the home of some, nearly always. In one half of the rooms
// clients that come back get what they missed. The other half keeps its messages and gives
// the latest to those who join. In one half of each clients are told how many there are. All
// clients of the last two rooms are on one node. Two rooms have slow mode, in three users are
// banned, muted and hidden, by their names and addresses, and in one a disconnect is a ban.
func rooms() []crowd.Room {
	rooms := []crowd.Room{{Rate: 10, Offered: 20, Clients: 6, CatchUp: true, Presence: true}}
	for i := range 7 {
		r := crowd.Room{Rate: 100, Offered: 20, Clients: 6, CatchUp: i%2 == 1, Presence: i >= 4}
		if !r.CatchUp {
			r.OnJoin = 50
		}
		if i >= 5 {
			r.Near = fmt.Sprintf("node%d", i-4)
		}
		if i == 2 || i == 5 {
			r.SlowMode = time.Second
		}
		r.Bans, r.DisconnectBan = i == 1 || i == 2 || i == 6, i == 3
		rooms = append(rooms, r)
	}
	return rooms
}

// round is one fault.
func (d *deployment) round(t *testing.T, s *scenario, row *Row, random *rand.Rand) {
	d.t = t
	trial := &cluster.Trial{Rooms: rooms(), Seed: random.Uint64(), Options: s.options, Writers: 2, Churn: 300 * time.Millisecond}
	if s.rooms != nil {
		trial.Rooms, trial.Churn = s.rooms(), s.churn
	}
	report, err := d.cluster.Run(t.Context(), trial, func(ctx context.Context, trial *cluster.Trial) error {
		cluster.Pause(ctx, crowd.Warm)
		return s.inject(ctx, d, trial, random)
	})
	if err != nil {
		t.Error(err)
	}
	for _, v := range report.Violations[:min(len(report.Violations), 20)] {
		t.Error(v)
	}
	for _, n := range d.cluster.Nodes { // Otherwise no ban of an address holds.
		if strings.Contains(n.Log(), "X-Forwarded-For comes from an address that is not trusted") {
			t.Errorf("%s does not trust the addresses that clients of the run say to have", n.Name)
		}
	}
	if trial.History != nil {
		row.Add(trial.History, report, trial.Over)
		m := history.Measure(trial.History)
		if m.Written == 0 {
			t.Error("nothing was written")
		}
		if s.silence > 0 && m.NodeSilence > s.silence {
			t.Errorf("a room was silent on a node for %s, want at most %s", m.NodeSilence, s.silence)
		}
		t.Logf("%+v, healed after %s, %d violations, %d apart, %d messages in the window of a ban", m, history.Healed(trial.History, trial.Over), len(report.Violations), report.Apart, report.Window)
	}
	if t.Failed() {
		row.Violations += max(1-len(report.Violations), 0)
		d.keep(t, trial)
		d.renew(t)
	}
}
