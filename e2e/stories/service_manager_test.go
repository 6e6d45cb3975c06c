package stories

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// manager is a service manager that takes notifications (sd_notify(3)).
type manager struct{ conn *net.UnixConn }

func newManager(t *testing.T) (m manager, address string) {
	t.Helper()
	address = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return manager{conn}, address
}

// next returns the variables of the next notification.
func (m manager) next(t *testing.T) map[string]string {
	t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := m.conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	state := map[string]string{}
	for line := range strings.SplitSeq(string(b[:n]), "\n") {
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Errorf("the line %q has no =", line)
		}
		state[name] = value
	}
	return state
}

// startManaged starts a server as systemd does. address is that of the manager; empty is
// a unit that does not take notifications.
func startManaged(t *testing.T, socket *os.File, address, config string) *program {
	t.Helper()
	p := &program{output: &process.Buffer{}}
	p.cmd = exec.Command("sh", "-c", `SYSTEMD_EXEC_PID=$$ LISTEN_PID=$$ exec "$0" "$@"`,
		os.Args[0], "serve", "--dev", "--data-dir", t.TempDir(), "--admin-listen", "off", "--config", config)
	p.cmd.Env = append(os.Environ(), runConfab+"=1", "LISTEN_FDS=1")
	if address != "" {
		p.cmd.Env = append(p.cmd.Env, "NOTIFY_SOCKET="+address)
	}
	p.cmd.ExtraFiles = []*os.File{socket}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() }) //nolint:errcheck // Mostly it has ended.
	return p
}

// TestServiceManager has a server that systemd supervises hand over: systemd learns when
// it is ready, and which process is the service's.
func TestServiceManager(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	address, socket := hold(ctx, t)
	m, notify := newManager(t)
	config := filepath.Join(t.TempDir(), "confab.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log-level: info\n")
	p := startManaged(t, socket, notify, config)
	if state := m.next(t); state["READY"] != "1" {
		t.Fatalf("at the start the manager is told %v", state)
	}
	if err := callOnce(ctx, "http://"+address+"/healthz"); err != nil {
		t.Errorf("it is not ready: %v", err)
	}

	main := p.cmd.Process.Pid
	reload := func() {
		t.Helper()
		if err := syscall.Kill(main, syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		state := m.next(t)
		if now, err := strconv.ParseInt(state["MONOTONIC_USEC"], 10, 64); state["RELOADING"] != "1" || err != nil || now <= 0 {
			t.Errorf("at the begin of a hand-over the manager is told %v", state)
		}
	}
	for range 2 {
		reload()
		state := m.next(t)
		pid, err := strconv.Atoi(state["MAINPID"])
		if err != nil || pid == main || state["READY"] != "1" {
			t.Fatalf("at the end of a hand-over the manager is told %v", state)
		}
		main = pid
		if err := callOnce(ctx, "http://"+address+"/healthz"); err != nil {
			t.Error(err)
		}
	}

	write("log-level: loud\n")
	reload()
	if state := m.next(t); !strings.Contains(state["STATUS"], "log-level") {
		t.Errorf("after a hand-over that failed the manager is told %v", state)
	}
	if state := m.next(t); state["READY"] != "1" || state["MAINPID"] != "" {
		t.Errorf("after a hand-over that failed the manager is told %v", state)
	}

	if err := syscall.Kill(main, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if state := m.next(t); state["STOPPING"] != "1" {
		t.Errorf("at the stop the manager is told %v", state)
	}
	p.wait(t)
}

// TestServiceManager_silent has a unit that does not take notifications: systemd would
// take the end of the process for the end of the service.
func TestServiceManager_silent(t *testing.T) {
	_, socket := hold(t.Context(), t)
	config := filepath.Join(t.TempDir(), "confab.yaml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startManaged(t, socket, "", config)
	p.await(t, "Serving")
	if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	p.await(t, "set Type=notify")
	p.stop(t)
	p.wait(t)
}
