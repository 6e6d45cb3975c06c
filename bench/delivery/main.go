//go:build linux

// Command delivery measures the processor time that a server needs to deliver a message to
// everybody in a room. It compares Confab, its event loops alone, other servers, and a
// minimal server (the floor) that only writes. The results are in
// docs/measurements/delivery.md; "make bench-delivery" builds what it needs and runs it.
//
// The server has one core for itself, and the load generator has another. Only the server's
// processor time counts. The floor is measured directly before and after each server, because
// the speed of the machine varies. A lost, repeated or reordered message fails the run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"confab/bench/load"
)

func main() {
	if err := benchmark(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-delivery:", err)
		os.Exit(1)
	}
}

func benchmark() error {
	bin := flag.String("bin", "bin/bench", "`directory` of the built servers")
	quick := flag.Bool("quick", false, "measure less, and for a shorter time")
	within := flag.Duration("within", 15*time.Minute, "stop then, with what there is")
	scenarios := flag.String("scenarios", ".", "`expression` for the names of the scenarios")
	targets := flag.String("targets", ".", "`expression` for the names of the servers beside the floor")
	rounds := flag.Int("rounds", 0, "how often Confab is measured; the median counts (default 3, quick 1)")
	points := flag.String("points", "", "more scenarios: `ROOMSxMEMBERSxRATE`,… with the rate of each room a second")
	also := flag.String("also", "", "name=`path` of another build of the engine, to compare with")
	half := flag.Bool("latency", false, "instead, measure Confab's latency at half of what it can do, with disturbances")
	only := flag.String("disturbances", ".", "with -latency: `expression` for the names of the disturbances")
	rates := flag.String("rates", "", "with -latency: messages a second in each room, `RATE`,…, for all disturbances; by default half of what the server can do")
	span := flag.Duration("for", 8*time.Second, "with -latency: how long each measurement is")
	profiles := flag.String("profiles", "", "`directory` for CPU profiles of Confab, one a scenario; they cost a little")
	flag.Parse()
	if err := load.PinSelf(generatorCore); err != nil {
		return err
	}
	// One thread sends and receives; what else there is prepares tokens.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(800)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, *within)
	defer cancel()
	path, err := filepath.Abs(*bin)
	if err != nil {
		return err
	}
	wantScenario, err := regexp.Compile(*scenarios)
	if err != nil {
		return err
	}
	wantTarget, err := regexp.Compile(*targets)
	if err != nil {
		return err
	}
	if *rounds == 0 {
		*rounds = map[bool]int{false: 3, true: 1}[*quick]
	}
	fmt.Printf("%s; commit %s; %s\n", load.Machine(), load.Commit(), time.Now().UTC().Format(time.DateTime))
	if *half {
		choice := &latencyChoice{rounds: *rounds, span: *span, profiles: *profiles}
		if choice.only, err = regexp.Compile(*only); err != nil {
			return err
		}
		if choice.rates, err = parseRates(*rates); err != nil {
			return err
		}
		return latency(ctx, choice)
	}
	b := &bench{quick: *quick, rounds: *rounds, profiles: *profiles, floors: floors(path), results: make(map[key][]sample)}
	all := allTargets(path)
	if name, file, ok := strings.Cut(*also, "="); ok {
		all = slices.Insert(all, 2, &target{name: name, start: startEngine(file)})
	}
	for _, t := range all {
		if wantTarget.MatchString(t.name) {
			b.targets = append(b.targets, t)
		}
	}
	var failed []error
	chosen, err := pointScenarios(*points)
	if err != nil {
		return err
	}
	for _, s := range append(allScenarios(*quick), chosen...) {
		if ctx.Err() == nil && (s.isPoint || wantScenario.MatchString(s.name)) {
			b.scenarios = append(b.scenarios, s)
			failed = append(failed, b.scenario(ctx, s))
		}
	}
	if ctx.Err() == nil {
		failed = append(failed, b.ceiling(ctx))
	}
	b.print(os.Stdout)
	if ctx.Err() != nil {
		failed = append(failed, fmt.Errorf("not everything was measured: %w", context.Cause(ctx)))
	}
	return errors.Join(failed...)
}

// parseRates parses the flag -rates.
func parseRates(list string) ([]int, error) {
	if list == "" {
		return nil, nil
	}
	var rates []int
	for rate := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(rate)
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("-rates %s: %q is no number of messages a second", list, rate)
		}
		rates = append(rates, n)
	}
	return rates, nil
}

// key is a row and a column.
type key struct{ scenario, target string }

// sample is one measurement, with the floor around it.
type sample struct {
	result
	floor float64 // the same figure of the floor
}

// ratio is how much more than the floor it needs, or how much faster it is
// where that is what counts.
func (s sample) ratio(sc *scenario) float64 { return figure(sc, s.result) / s.floor }

// figure is what a scenario is about: CPU per delivery, or deliveries a second
// where the server is given all it can take.
func figure(sc *scenario, r result) float64 {
	switch {
	case sc.idle:
		return r.connect
	case sc.flight > 1:
		return r.perSecond
	default:
		return r.delivery
	}
}

// bench is a whole run.
type bench struct {
	quick     bool
	rounds    int
	profiles  string
	floors    map[string]*target // by mode
	targets   []*target
	scenarios []*scenario
	results   map[key][]sample
	limit     string // what the generator can do
}

// scenario measures everybody, with the floor between them.
func (b *bench) scenario(ctx context.Context, s *scenario) error {
	floor := b.floors[floorOf(s)]
	before := b.once(ctx, floor, s)
	if before.err != nil {
		return fmt.Errorf("%s, %s: %w", s.name, floor.name, before.err)
	}
	var failed []error
	stale := false
	for round := range b.rounds {
		for _, t := range b.targets {
			if ctx.Err() != nil {
				return errors.Join(failed...)
			}
			if !b.takesPart(t, s, round) {
				continue
			}
			k := key{s.name, t.name}
			if t.peer && (s.drowns || s.idle) {
				// Their figures are read without a floor beside them.
				few := *s
				if s.idle {
					few.members = min(s.members, peersIdle)
				}
				res := b.once(ctx, t, &few)
				b.results[k] = append(b.results[k], sample{res, figure(s, before)})
				stale = true
				if res.err != nil && !s.drowns {
					failed = append(failed, fmt.Errorf("%s, %s: %w", s.name, t.name, res.err))
				}
				continue
			}
			if stale {
				before, stale = b.once(ctx, floor, s), false
			}
			res := b.once(ctx, t, s)
			after := b.once(ctx, floor, s)
			if err := errors.Join(before.err, after.err); err != nil {
				return fmt.Errorf("%s, %s: %w", s.name, floor.name, err)
			}
			b.results[k] = append(b.results[k], sample{res, (figure(s, before) + figure(s, after)) / 2})
			b.results[key{s.name, floor.name}] = append(b.results[key{s.name, floor.name}], sample{after, figure(s, after)})
			before = after
			if res.err != nil {
				failed = append(failed, fmt.Errorf("%s, %s: %w", s.name, t.name, res.err))
			}
		}
	}
	return errors.Join(failed...)
}

// peersIdle is how many idle connections others hold: what one costs them does
// not depend on it.
const peersIdle = 5000

// takesPart tells whether a target is measured: others once, and when it has to
// be quick only where there is most to compare; parts of Confab once, and not
// idle, where they are as the whole.
func (b *bench) takesPart(t *target, s *scenario, round int) bool {
	switch {
	case t.floor:
		return round == 0 && s.rate > 0 && !s.drowns
	case t.peer:
		return round == 0 && !s.ours && (!b.quick || !s.long)
	case t.part:
		return round == 0 && !s.idle
	default:
		return true
	}
}

// once measures one server and says how it went.
func (b *bench) once(ctx context.Context, t *target, s *scenario) result {
	runtime.GC()
	r := measure(ctx, t, s, b.profiles)
	switch {
	case r.err != nil:
		fmt.Printf("  %-16s %-22s %.300v\n", s.name, t.name, r.err)
	case s.idle:
		fmt.Printf("  %-16s %-22s %6.2f KiB idle  %6.1f µs/connect  %6.0f connects/s\n", s.name, t.name, r.idle, r.connect, r.connectsPS)
	default:
		fmt.Printf("  %-16s %-22s %6.2f µs/delivery  %8.0f/s  core %3.0f %%  p50 %s p99 %s  %d bytes  generator %3.0f %%\n",
			s.name, t.name, r.delivery, r.perSecond, 100*r.share, ms(r.p50), ms(r.p99), r.frame, 100*r.busy)
	}
	return r
}

// ceiling finds out what the generator can take: from the floor, which writes
// everything at once, with more messages under way than any scenario has.
func (b *bench) ceiling(ctx context.Context) error {
	s := &scenario{name: "ceiling", rooms: 1, members: 1000, flight: 64, warm: 300 * time.Millisecond, measure: time.Second}
	joined := b.once(ctx, b.floors["batch"], s)
	single := b.once(ctx, b.floors["write"], s)
	b.limit = fmt.Sprintf("The generator's ceiling: %.2f M deliveries/s when 64 messages share a write, %.2f M/s one by one (busy %.0f %% and %.0f %% of its core)",
		joined.perSecond/1e6, single.perSecond/1e6, 100*joined.busy, 100*single.busy)
	return errors.Join(joined.err, single.err)
}
