//go:build linux

// Command tls measures what TLS adds to Confab: a room of a thousand at 100
// messages a second, once over plain sockets and once over TLS, with the same
// clients. These are goroutines, as crypto/tls wants them, and cost more than
// the server; only the server's processor time and memory are of interest.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"confab/bench/confab"
	"confab/bench/load"
	"confab/e2e/process"
)

func main() {
	members := flag.Int("members", 1000, "how many there are in the room")
	rate := flag.Int("rate", 100, "messages a second")
	measured := flag.Duration("for", 4*time.Second, "how long it is measured")
	flag.Parse()
	fmt.Printf("%s; commit %s; 1 room × %d, %d msg/s\n", load.Machine(), load.Commit(), *members, *rate)
	for _, secure := range []bool{false, true, false, true} {
		r := &run{members: *members, rate: *rate, measured: *measured}
		if err := r.all(context.Background(), secure); err != nil {
			fmt.Fprintln(os.Stderr, "bench-tls:", err)
			os.Exit(1)
		}
	}
}

// run is one measurement.
type run struct {
	members, rate int
	measured      time.Duration
	clients       sync.WaitGroup
	conns         []net.Conn
	deliveries    atomic.Int64
}

func (r *run) all(ctx context.Context, secure bool) (err error) {
	var o process.Options
	var config *tls.Config
	name := "plain"
	if secure {
		dir, err := os.MkdirTemp("", "confab-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if o.Certificate, err = process.NewCertificate(dir); err != nil {
			return err
		}
		name, config = "TLS", o.Certificate.Client
	}
	s, err := confab.Start(ctx, 0, o)
	if err != nil {
		return err
	}
	defer func() {
		for _, c := range r.conns {
			c.Close()
		}
		r.clients.Wait()
		err = errors.Join(err, s.Remove())
	}()
	rooms, err := s.Rooms(ctx, 1)
	if err != nil {
		return err
	}
	tokens, err := s.Tokens(ctx, r.members, func(int) string { return rooms[0] })
	if err != nil {
		return err
	}
	address := s.WebSocket[strings.LastIndex(s.WebSocket, "/")+1:]
	rss, err := load.RSS(s.PID())
	if err != nil {
		return err
	}
	connect, err := cpuOf(s, func() error { return r.connect(ctx, address, config, tokens) })
	if err != nil {
		return err
	}
	grown, err := load.RSS(s.PID())
	if err != nil {
		return err
	}
	if err := r.send(time.Second); err != nil {
		return err
	}
	before := r.deliveries.Load()
	used, err := cpuOf(s, func() error { return r.send(r.measured) })
	n := r.deliveries.Load() - before
	fmt.Printf("%-6s %.2f µs/delivery (%d deliveries, %d sent for), %.1f KiB/connection, %.0f µs/connect\n", name,
		used.Seconds()*1e6/float64(n), n, int(r.measured.Seconds())*r.rate*r.members,
		float64(grown-rss)/1024/float64(r.members), connect.Seconds()*1e6/float64(r.members))
	return err
}

// cpuOf returns the processor time that the server needs while f runs.
func cpuOf(s *confab.Server, f func() error) (time.Duration, error) {
	before, err := load.CPU(s.PID())
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := load.CPU(s.PID())
	return after - before, err
}

func (r *run) connect(ctx context.Context, address string, config *tls.Config, tokens []string) error {
	for _, token := range tokens {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		if config != nil {
			c = tls.Client(c, config)
		}
		r.conns = append(r.conns, c)
		if _, err := c.Write(load.Request("/", token)); err != nil {
			return fmt.Errorf("write a handshake: %w", err)
		}
		buf := make([]byte, 1024)
		n, err := c.Read(buf)
		if err != nil {
			return fmt.Errorf("read the answer to a handshake: %w", err)
		}
		if !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 101")) {
			return fmt.Errorf("the handshake was answered with %.60q", buf[:n])
		}
		r.clients.Go(func() {
			buf := make([]byte, 8<<10)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				r.deliveries.Add(int64(bytes.Count(buf[:n], []byte("#"))))
			}
		})
	}
	return nil
}

// send sends at the rate for so long, and waits for what is under way.
func (r *run) send(d time.Duration) error {
	tick := time.NewTicker(time.Second / time.Duration(r.rate))
	defer tick.Stop()
	frame := load.AppendFrame(nil, 1, []byte(`{"Action":"SEND_MESSAGE","Content":"#`+strings.Repeat("x", 110)+`"}`))
	want := r.deliveries.Load()
	for i := range int(d.Seconds() * float64(r.rate)) {
		<-tick.C
		if _, err := r.conns[i%len(r.conns)].Write(frame); err != nil {
			return err
		}
		want += int64(r.members)
	}
	for end := time.Now().Add(15 * time.Second); r.deliveries.Load() < want; {
		if time.Now().After(end) {
			return fmt.Errorf("%d deliveries are missing", want-r.deliveries.Load())
		}
		<-tick.C
	}
	return nil
}
