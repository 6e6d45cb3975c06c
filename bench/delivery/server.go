//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"confab/bench/confab"
	"confab/bench/load"
	"confab/internal/testbed/process"
)

// target is a server under test.
type target struct {
	name string
	// start starts it for one scenario, on the server's core.
	start func(ctx context.Context, s *scenario) (*running, error)
	// peer is of another project.
	peer bool
	// part is a part of Confab alone, or Confab without a part.
	part bool
	// floor is what others are compared with.
	floor bool
}

// running is a server that takes connections.
type running struct {
	address  netip.AddrPort
	pid      int
	protocol protocol
	stop     func() error
	// admin is where Confab has its metrics.
	admin string
	// profile, if it can, writes a CPU profile of so long to a file.
	profile func(time.Duration, string) error
}

// core is the server's, generatorCore the generator's.
const (
	core          = 0
	generatorCore = 1
)

// program starts a server that listens where its arguments say; %a in them
// stands for the address, %h and %p for its parts, %f for a file with the
// configuration.
func program(path, configuration string, p protocol, args ...string) func(context.Context, *scenario) (*running, error) {
	return func(ctx context.Context, _ *scenario) (*running, error) {
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, err
		}
		dir, err := os.MkdirTemp("", "confab-bench-")
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "config.json")
		fill := strings.NewReplacer("%a", address.String(), "%h", address.Addr().String(), "%p", fmt.Sprint(address.Port()), "%f", file)
		if err := os.WriteFile(file, []byte(fill.Replace(configuration)), 0o600); err != nil {
			return nil, err
		}
		own := make([]string, len(args))
		for i, a := range args {
			own[i] = fill.Replace(a)
		}
		cmd := exec.Command(path, own...) //nolint:gosec,noctx // The programs are ours to run, and end by stop.
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := load.Pinned(core, cmd.Start); err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
		r := &running{address: address, pid: cmd.Process.Pid, protocol: p, stop: func() error {
			defer os.RemoveAll(dir)
			cmd.Process.Kill() //nolint:errcheck // Wait tells.
			err := cmd.Wait()
			if killed, ok := errors.AsType[*exec.ExitError](err); !ok || killed.Exited() {
				return fmt.Errorf("%s ended by itself: %w\n%s", path, err, log.Bytes())
			}
			return nil
		}}
		if err := r.await(ctx); err != nil {
			return nil, errors.Join(err, r.stop())
		}
		return r, nil
	}
}

// freeAddress returns a loopback address that nothing listens on.
func freeAddress(ctx context.Context) (netip.AddrPort, error) {
	address, err := process.FreeAddress(ctx)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.ParseAddrPort(address)
}

// await returns once the server takes connections.
func (r *running) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.address.String())
		if err == nil {
			c.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no server at %s: %w", r.address, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// confabWith is the start of a target: the whole of Confab with more arguments.
func confabWith(more ...string) func(context.Context, *scenario) (*running, error) {
	return func(ctx context.Context, s *scenario) (*running, error) { return startConfab(ctx, s, more) }
}

// startConfab starts Confab, with rooms and tokens for everybody.
func startConfab(ctx context.Context, s *scenario, more []string) (*running, error) {
	window := "0s"
	if s.gathered {
		window = "auto"
	}
	args := append([]string{"--delivery-window", window}, more...)
	if s.disturb != nil {
		args = append(args, s.disturb.args...)
	}
	server, err := confab.Start(ctx, core, process.Options{}, args...)
	if err != nil {
		return nil, err
	}
	r := &running{pid: server.PID(), admin: server.Admin, stop: server.Remove, profile: func(d time.Duration, file string) error {
		return server.Profile(ctx, d, file)
	}}
	if r.address, err = netip.ParseAddrPort(strings.TrimPrefix(server.Endpoint, "http://")); err == nil {
		r.protocol, err = newConfabProtocol(ctx, server, s)
	}
	if err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// startEngine starts Confab's event loops alone.
func startEngine(path string) func(context.Context, *scenario) (*running, error) {
	return func(ctx context.Context, s *scenario) (*running, error) {
		window := "0s"
		if s.gathered {
			window = "-1ns"
		}
		return program(path, "", plain{}, "-listen", "%a", "-window", window)(ctx, s)
	}
}
