package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// natsBinary is nats-server, of the version that Confab's own module names,
// built once per test process.
var natsBinary = sync.OnceValues(func() (string, error) {
	return build("", "github.com/nats-io/nats-server/v2", "nats-server")
})

// NATSOptions say how to run a nats-server.
type NATSOptions struct {
	// Address is where clients reach it, HOST:PORT; a free port of the loopback
	// address without.
	Address string
	// ConfigFile, when set, is its configuration.
	ConfigFile string
	// Through is as in Options.
	Through []string
}

// NATS is a nats-server as operators run it, in a process of its own, so that
// it can be killed and stopped without the nodes.
type NATS struct {
	// Address is HOST:PORT.
	Address string

	o    NATSOptions
	cmd  *exec.Cmd
	log  *Buffer
	done chan struct{} // closed when the process has ended
}

// StartNATS starts a nats-server and waits until it takes connections.
func StartNATS(ctx context.Context, o NATSOptions) (*NATS, error) {
	if o.Address == "" {
		var err error
		if o.Address, err = FreeAddress(ctx); err != nil {
			return nil, err
		}
	}
	n := &NATS{Address: o.Address, o: o, log: &Buffer{}}
	return n, n.Start(ctx)
}

// Start starts it again after Kill, at the same address.
func (n *NATS) Start(ctx context.Context) error {
	binary, err := natsBinary()
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(n.Address)
	if err != nil {
		return err
	}
	command := slices.Concat(n.o.Through, []string{binary, "--addr", host, "--port", port})
	if n.o.ConfigFile != "" {
		command = append(command, "--config", n.o.ConfigFile)
	}
	unending := context.WithoutCancel(ctx)
	n.cmd = exec.CommandContext(unending, command[0], command[1:]...) //nolint:gosec // A server that tests need.
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("start nats-server: %w", err)
	}
	done := make(chan struct{})
	n.done = done
	go func() {
		n.cmd.Wait() //nolint:errcheck // How it ends is the tests' wish.
		close(done)
	}()
	if err := n.waitReady(ctx); err != nil {
		return errors.Join(err, n.Kill())
	}
	return nil
}

// waitReady returns once it greets a client.
func (n *NATS) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if n.greets(ctx) {
			return nil
		}
		select {
		case <-tick.C:
		case <-n.done:
			return fmt.Errorf("nats-server ended before it was ready\n%s", n.log)
		case <-ctx.Done():
			return fmt.Errorf("nats-server was not ready within %s\n%s", startTimeout, n.log)
		}
	}
}

// greets says whether the server sends its INFO, the first line of NATS's protocol.
func (n *NATS) greets(ctx context.Context) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", n.Address)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "INFO ")
}

// Kill ends it with SIGKILL and waits for its end.
func (n *NATS) Kill() error {
	select {
	case <-n.done:
		return nil
	default:
	}
	err := n.cmd.Process.Kill()
	<-n.done
	return err
}

// Signal sends the process a signal, such as SIGSTOP.
func (n *NATS) Signal(signal os.Signal) error { return n.cmd.Process.Signal(signal) }

// URL is what --nats takes.
func (n *NATS) URL() string { return "nats://" + n.Address }
