//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"confab/bench/confab"
)

// disturbance is what goes on in Confab beside live traffic, whose latency it is
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
}

// disturbances are far more than a server has to bear: Prometheus scrapes every
// 15 to 60 seconds, and rarely is every room logged.
var disturbances = []*disturbance{
	{name: "nothing"},
	{name: "a scrape every 100 ms", path: "/metrics", every: 100 * time.Millisecond},
	{name: "a collection every 200 ms", path: "/debug/pprof/heap?gc=1", every: 200 * time.Millisecond},
	{name: "every room logged", prepare: logEverything, args: []string{"--log-destinations", "local", "--log-flush-interval", "1s"}},
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

// latencyRounds is how often each disturbance is measured.
const latencyRounds = 3

// latency measures a server at about half of what it can do, with and without
// disturbances in turn, and prints the medians.
func latency(ctx context.Context) error {
	confab := &target{name: "confab", start: confabWith()}
	results := make(map[*disturbance][]result)
	for range latencyRounds {
		for _, d := range disturbances {
			s := &scenario{
				name: d.name, rooms: 100, members: 50, rate: 10, gathered: true, disturb: d,
				warm: 2 * time.Second, measure: 8 * time.Second,
			}
			r := measure(ctx, confab, s, "")
			if r.err != nil {
				return fmt.Errorf("%s: %w", d.name, r.err)
			}
			fmt.Printf("  %-26s core %3.0f %%  p50 %s  p99 %s  p99.9 %s\n", d.name, 100*r.share, ms(r.p50), ms(r.p99), ms(r.p999))
			results[d] = append(results[d], r)
		}
	}
	fmt.Printf("\n100 rooms × 50, 10 msg/s each; medians of %d.\n\n", latencyRounds)
	writeRow(os.Stdout, []string{"beside it", "of the core", "p50", "p99", "p99.9"})
	writeRow(os.Stdout, []string{"---", "---", "---", "---", "---"})
	for _, d := range disturbances {
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
			d.name, fmt.Sprintf("%.2f", middle(func(r result) float64 { return r.share })),
			times(func(r result) time.Duration { return r.p50 }), times(func(r result) time.Duration { return r.p99 }),
			times(func(r result) time.Duration { return r.p999 }),
		})
	}
	return nil
}
