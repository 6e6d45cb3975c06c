//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"

	"confab/bench/confab"
)

// disturbance is what Confab does beside live traffic, whose latency it is
// to leave alone.
type disturbance struct {
	name string
	// args are for the server.
	args []string
	// prepare does something to the rooms before anybody connects.
	prepare func(ctx context.Context, s *confab.Server, rooms []string) error
	// path of the admin port is asked for once in every, if set.
	path  string
	every time.Duration
	// rate is the messages a second in each room that are about half of what the
	// server can do so.
	rate int
}

// undisturbed is what the others are compared with, at their rates.
var undisturbed = &disturbance{name: "nothing", rate: 10}

// disturbances are far more than a server has to bear: Prometheus scrapes every
// 15 to 60 seconds, and rarely is every room logged.
var disturbances = []*disturbance{
	undisturbed,
	{name: "a scrape every 100 ms", path: "/metrics", every: 100 * time.Millisecond, rate: 10},
	{name: "a collection every 200 ms", path: "/debug/pprof/heap?gc=1", every: 200 * time.Millisecond, rate: 10},
	{name: "every room logged", prepare: logEverything, args: []string{"--log-destinations", "local", "--log-flush-interval", "1s"}, rate: 6},
}

// logEverything has the rooms logged to files that look like CloudWatch Logs.
func logEverything(ctx context.Context, s *confab.Server, rooms []string) error {
	var logs struct{ ARN string }
	err := s.Call(ctx, "CreateLoggingConfiguration", map[string]any{
		"destinationConfiguration": map[string]any{"cloudWatchLogs": map[string]any{"logGroupName": "bench"}},
	}, &logs)
	if err != nil {
		return err
	}
	for _, room := range rooms {
		err := s.Call(ctx, "UpdateRoom", map[string]any{"identifier": room, "loggingConfigurationIdentifiers": []string{logs.ARN}}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// begin disturbs the server until end is called, which returns what went wrong.
func (d *disturbance) begin(admin string) (end func() error) {
	if d.path == "" {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	var failed error
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(d.every)
		defer tick.Stop()
		for failed == nil {
			select {
			case <-tick.C:
				failed = ask(ctx, "http://"+admin+d.path)
			case <-ctx.Done():
				return
			}
		}
	})
	return func() error {
		cancel()
		done.Wait()
		if errors.Is(failed, context.Canceled) {
			return nil
		}
		return failed
	}
}

func ask(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return nil
}

// latencyChoice says what latency measures.
type latencyChoice struct {
	// only are the disturbances, by an expression for their names.
	only *regexp.Regexp
	// rates are the messages a second in each room; none are those of the
	// disturbances.
	rates []int
	// rounds is how often everything is measured, and span how long.
	rounds int
	span   time.Duration
	// profiles is a directory for CPU profiles, if set.
	profiles string
}

// disturbed is a server with a disturbance, at a rate.
type disturbed struct {
	*disturbance
	rate int
}

// plan is what is measured in one round: at each rate, the undisturbed server
// comes first.
func (c *latencyChoice) plan() []disturbed {
	rates := c.rates
	if len(rates) == 0 {
		for _, d := range disturbances {
			if c.only.MatchString(d.name) && !slices.Contains(rates, d.rate) {
				rates = append(rates, d.rate)
			}
		}
	}
	var all []disturbed
	for _, rate := range rates {
		all = append(all, disturbed{undisturbed, rate})
		for _, d := range disturbances {
			if d != undisturbed && c.only.MatchString(d.name) && (len(c.rates) > 0 || d.rate == rate) {
				all = append(all, disturbed{d, rate})
			}
		}
	}
	return all
}

// latency measures a server at about half of what it can do, with and without
// disturbances in turn, and prints the medians.
func latency(ctx context.Context, choice *latencyChoice) error {
	confab := &target{name: "confab", start: confabWith()}
	plan := choice.plan()
	results := make(map[disturbed][]result)
	for range choice.rounds {
		for _, d := range plan {
			s := &scenario{
				name: d.name, rooms: 100, members: 50, rate: d.rate, gathered: true, disturb: d.disturbance,
				warm: 2 * time.Second, measure: choice.span,
			}
			r := measure(ctx, confab, s, choice.profiles)
			if r.err != nil {
				return fmt.Errorf("%s: %w", d.name, r.err)
			}
			fmt.Printf("  %-26s %3d msg/s  core %3.0f %%  p50 %s  p99 %s  p99.9 %s\n", d.name, d.rate, 100*r.share, ms(r.p50), ms(r.p99), ms(r.p999))
			results[d] = append(results[d], r)
		}
	}
	fmt.Printf("\n100 rooms × 50; medians of %d.\n\n", choice.rounds)
	writeRow(os.Stdout, []string{"msg/s in each room", "beside it", "of the core", "p50", "p99", "p99.9"})
	writeRow(os.Stdout, []string{"---", "---", "---", "---", "---", "---"})
	for _, d := range plan {
		middle := func(of func(result) float64) float64 {
			var all []float64
			for _, r := range results[d] {
				all = append(all, of(r))
			}
			slices.Sort(all)
			return all[len(all)/2]
		}
		times := func(of func(result) time.Duration) string {
			return ms(time.Duration(middle(func(r result) float64 { return float64(of(r)) })))
		}
		writeRow(os.Stdout, []string{
			fmt.Sprint(d.rate), d.name, fmt.Sprintf("%.2f", middle(func(r result) float64 { return r.share })),
			times(func(r result) time.Duration { return r.p50 }), times(func(r result) time.Duration { return r.p99 }),
			times(func(r result) time.Duration { return r.p999 }),
		})
	}
	return nil
}
