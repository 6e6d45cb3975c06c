//go:build linux

package fault

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// network makes a network of namespaces, or skips the test where that is not
// allowed.
func network(t *testing.T, nodes int) *Network {
	t.Helper()
	n, err := NewNetwork(t.Context(), nodes)
	if err != nil {
		t.Skipf("no network namespaces or no nftables here: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return n
}

// TestNetwork cuts and mends a connection between two namespaces.
func TestNetwork(t *testing.T) {
	n := network(t, 2)
	// An echo server in the second namespace, a client in the first.
	echo := exec.CommandContext(t.Context(), "ip", "netns", "exec", n.names[1], "python3", "-u", "-c", `
import socket, threading
def serve(c):
    try:
        while b := c.recv(100): c.sendall(b)
    except OSError: pass
s = socket.create_server(("`+RouteAddress(1)+`", 6222)); print("up")
while True: threading.Thread(target=serve, args=(s.accept()[0],)).start()
`)
	serve(t, echo)
	client := exec.CommandContext(t.Context(), "ip", "netns", "exec", n.names[0], "python3", "-u", "-c", `
import socket, sys
s = None
for line in sys.stdin:
    try:
        if s is None: s = socket.create_connection(("`+RouteAddress(1)+`", 6222), float(line))
        s.settimeout(float(line))
        s.sendall(b"x"); s.recv(1); print("echo")
    except Exception as e:
        s = None; print(type(e).__name__)
`)
	child := process.StartChild(t, client)
	ask := func(want string) {
		t.Helper()
		if want == "TimeoutError" {
			child.Tell(t, "1")
		} else {
			child.Tell(t, "10") // A network that has just healed may take its time.
		}
		if got := child.Line(t); got != want {
			t.Errorf("got %q, want %s", got, want)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ask("echo")
	do(n.Drop(t.Context(), 1, 0))
	ask("TimeoutError")
	do(n.Heal(t.Context()))
	ask("echo")
	do(n.Reset(t.Context(), 0, 1))
	ask("ConnectionResetError")
	ask("ConnectionRefusedError")
	do(n.Heal(t.Context()))
	ask("echo")
	do(n.Unplug(t.Context(), 1))
	ask("TimeoutError")
	do(n.Heal(t.Context()))
	ask("echo")

	ln, err := net.Listen("tcp", Gateway+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if conn, err := ln.Accept(); err == nil {
			_, _ = io.Copy(conn, conn)
		}
	}()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	do(n.Reset(t.Context(), 0, 1))
	ask("ConnectionResetError")
	do(n.Redirect(t.Context(), 0, 1, port))
	ask("echo") // From the proxy: the way to the node is still cut.
}

// serve starts a server and returns once it says that it is up.
func serve(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGKILL); err == nil {
			_ = cmd.Wait() // It was killed.
		}
	})
	answer := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(out).ReadString('\n')
		if err == nil && line != "up\n" {
			err = errors.New(line)
		}
		answer <- err
	}()
	select {
	case err := <-answer:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not start")
	}
}
