//go:build linux

// Command tls measures the additional cost of TLS, with the same clients over plain sockets
// and over TLS: first a room of a thousand connections at 100 messages a second, then as many
// idle connections as a process can hold. The clients are goroutines, because crypto/tls needs
// them, and cost more than the server. Only the server's processor time and memory count.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"confab/bench/confab"
	"confab/bench/load"
	"confab/internal/testbed/process"
)

func main() {
	if err := benchmark(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench-tls:", err)
		os.Exit(1)
	}
}

func benchmark(ctx context.Context) error {
	members := flag.Int("members", 1000, "how many there are in the room")
	rate := flag.Int("rate", 100, "messages a second")
	measured := flag.Duration("for", 4*time.Second, "how long it is measured; 0 is not at all")
	// Processes may often have 20,000 files open, of which Confab keeps some for
	// other things than connections.
	idle := flag.Int("idle", 18_900, "how many idle connections there are; 0 is not to measure them")
	rounds := flag.Int("rounds", 2, "how often each is measured")
	heap := flag.String("heap", "", "`file` for a heap profile of the last server with idle connections over TLS")
	flag.Parse()
	fmt.Printf("%s; commit %s\n", load.Machine(), load.Commit())
	for range *rounds {
		for _, secure := range []bool{false, true} {
			if *measured == 0 {
				continue
			}
			r := &run{members: *members}
			if err := r.with(ctx, secure, func() error { return r.deliver(*rate, *measured) }); err != nil {
				return err
			}
		}
	}
	for range *rounds {
		for _, secure := range []bool{false, true} {
			if *idle == 0 {
				continue
			}
			r := &run{members: *idle}
			if err := r.with(ctx, secure, func() error { return r.idle(ctx, *heap) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// run is one measurement: a server, and clients in one of its rooms.
type run struct {
	members int
	server  *confab.Server
	name    string      // plain or TLS
	config  *tls.Config // of the clients; nil is plain
	address string
	tokens  []string
	crowd   crowd
}

// with starts a server, makes a room and tokens for it, measures and ends
// everything.
func (r *run) with(ctx context.Context, secure bool, measure func() error) (err error) {
	var o process.Options
	r.name = "plain"
	if secure {
		dir, err := os.MkdirTemp("", "confab-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if o.Certificate, err = process.NewCertificate(dir); err != nil {
			return err
		}
		r.name, r.config = "TLS", o.Certificate.Client
	}
	if r.server, err = confab.Start(ctx, 0, o); err != nil {
		return err
	}
	defer func() {
		r.crowd.close()
		err = errors.Join(err, r.server.Remove())
	}()
	rooms, err := r.server.Rooms(ctx, 1)
	if err != nil {
		return err
	}
	if r.tokens, err = r.server.Tokens(ctx, r.members, func(int) string { return rooms[0] }); err != nil {
		return err
	}
	_, r.address, _ = strings.Cut(r.server.WebSocket, "://")
	return measure()
}

// cpu returns the processor time that the server needs while f runs.
func (r *run) cpu(f func() error) (time.Duration, error) {
	before, err := load.CPU(r.server.PID())
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := load.CPU(r.server.PID())
	return after - before, err
}

// deliver measures what a delivery costs.
func (r *run) deliver(rate int, measured time.Duration) error {
	if err := r.crowd.connect(r.address, r.config, r.tokens); err != nil {
		return err
	}
	if err := r.crowd.send(rate, time.Second); err != nil {
		return err
	}
	before := r.crowd.deliveries.Load()
	used, err := r.cpu(func() error { return r.crowd.send(rate, measured) })
	n := r.crowd.deliveries.Load() - before
	fmt.Printf("%-6s 1 room × %d, %d msg/s: %.2f µs/delivery (%d deliveries)\n",
		r.name, r.members, rate, used.Seconds()*1e6/float64(n), n)
	return err
}

// settle is how long connections are idle before their memory is measured.
const settle = 5 * time.Second

// idle measures what a connect and an idle connection cost.
func (r *run) idle(ctx context.Context, heap string) error {
	live, err := r.server.Live(ctx)
	if err != nil {
		return err
	}
	rss, err := load.RSS(r.server.PID())
	if err != nil {
		return err
	}
	begin := time.Now()
	used, err := r.cpu(func() error { return r.crowd.connect(r.address, r.config, r.tokens) })
	if err != nil {
		return err
	}
	took := time.Since(begin)
	time.Sleep(settle)
	grown, err := load.RSS(r.server.PID())
	if err != nil {
		return err
	}
	kept, err := r.server.Live(ctx)
	if err != nil {
		return err
	}
	if n := r.crowd.ended.Load(); n > 0 {
		return fmt.Errorf("%d connections have ended", n)
	}
	each := func(bytes int64) float64 { return float64(bytes) / 1024 / float64(r.members) }
	fmt.Printf("%-6s %d idle: %.2f KiB/connection resident, %.2f live on the heap; %.0f µs/connect, %.0f connects/s\n",
		r.name, r.members, each(grown-rss), each(kept-live), used.Seconds()*1e6/float64(r.members), float64(r.members)/took.Seconds())
	if heap != "" && r.config != nil {
		return r.server.HeapProfile(ctx, heap)
	}
	return nil
}
