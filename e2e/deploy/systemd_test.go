package deploy

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// unit is a unit file: the values of each "Section.Key", in their order.
type unit map[string][]string

func readUnit(t *testing.T, name string) unit {
	t.Helper()
	u, section := unit{}, ""
	lines := bufio.NewScanner(strings.NewReader(readFile(t, "systemd/"+name)))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		default:
			k, v, _ := strings.Cut(line, "=")
			u[section+"."+k] = append(u[section+"."+k], v)
		}
	}
	return u
}

// environmentFile reads the variables of environment.example; with all also
// those that are commented out.
func environmentFile(t *testing.T, name string, all bool) map[string]string {
	t.Helper()
	env := map[string]string{}
	for line := range strings.Lines(readFile(t, name)) {
		line = strings.TrimSpace(line)
		if all {
			line = strings.TrimPrefix(line, "#")
		}
		if k, v, ok := strings.Cut(line, "="); ok && strings.HasPrefix(k, "CONFAB_") {
			if v == "" {
				v = secrets[k]
			}
			env[k] = v
		}
	}
	return env
}

func unitDeployments(t *testing.T) []deployment {
	t.Helper()
	u := readUnit(t, "confab.service")
	start := strings.Fields(u["Service.ExecStart"][0])
	stop, err := time.ParseDuration(strings.ReplaceAll(u["Service.TimeoutStopSec"][0], "sec", "s"))
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]string{}
	for _, e := range u["Service.Environment"] {
		k, v, _ := strings.Cut(e, "=")
		set[k] = v
	}
	one := deployment{name: "systemd", args: start[1:], env: merged(set, environmentFile(t, "systemd/environment.example", false)), grace: stop}
	node := one
	node.name, node.env, node.several = "systemd several nodes", merged(set, environmentFile(t, "systemd/environment.example", true)), true
	return []deployment{one, node}
}

// installed is the folder of the units with the program where the test has it.
func installed(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Fatal("systemd-analyze is not installed: apt-get install systemd")
	}
	dir := t.TempDir()
	for _, name := range []string{"confab.service", "confab.socket", "confab-admin.socket"} {
		content := strings.ReplaceAll(readFile(t, "systemd/"+name), "/usr/local/bin/confab", binary)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUnits(t *testing.T) {
	dir := installed(t)
	t.Run("systemd knows every word", func(t *testing.T) {
		out := command(t, "systemd-analyze", "verify", "--man=no", filepath.Join(dir, "confab.service"), filepath.Join(dir, "confab.socket"), filepath.Join(dir, "confab-admin.socket"))
		// It reads the machine's other units too, and has remarks on those.
		for line := range strings.Lines(out) {
			if strings.Contains(line, "confab") {
				t.Error(line)
			}
		}
	})
	t.Run("exposure is at most 1.5 of 10", func(t *testing.T) {
		command(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", filepath.Join(dir, "confab.service"))
	})
}

// TestSocketActivation starts the program as the socket units do: systemd holds
// the ports and hands them over under the units' names at the first connect.
func TestSocketActivation(t *testing.T) {
	const activate = "systemd-socket-activate"
	if _, err := exec.LookPath(activate); err != nil {
		t.Fatal(activate + " is not installed: apt-get install systemd")
	}
	chat, admin := freeAddress(t), freeAddress(t)
	names := readUnit(t, "confab.socket")["Socket.FileDescriptorName"][0] + ":" + readUnit(t, "confab-admin.socket")["Socket.FileDescriptorName"][0]
	args := []string{"--listen=" + chat, "--listen=" + admin, "--fdname=" + names, "--setenv=CONFAB_DATA_DIR=" + t.TempDir(), "--setenv=CONFAB_LISTEN=203.0.113.1:1", "--setenv=CONFAB_ADMIN_LISTEN=203.0.113.1:2"}
	for _, name := range []string{"CONFAB_ROOT_ACCESS_KEY_ID", "CONFAB_ROOT_SECRET_ACCESS_KEY"} {
		args = append(args, "--setenv="+name+"="+secrets[name])
	}
	s := startServer(t, exec.Command(activate, append(args, binary, "serve")...))
	s.waitFor(t, "http://"+chat+"/readyz")
	s.waitFor(t, "http://"+admin+"/metrics")
	s.stop(t)
}

// TestReload runs the commands of the unit as systemd does: a reload ends when another
// process serves, and systemd has been told which.
func TestReload(t *testing.T) {
	u, dir := readUnit(t, "confab.service"), t.TempDir()
	if u["Service.Type"][0] != "notify" {
		t.Fatalf("systemd does not learn which process serves: Type=%s", u["Service.Type"][0])
	}
	notify := filepath.Join(dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	env := append(os.Environ(), "NOTIFY_SOCKET="+notify)
	for _, e := range u["Service.Environment"] {
		e = strings.Replace(e, "/run/"+u["Service.RuntimeDirectory"][0], dir, 1)
		env = append(env, strings.Replace(e, "/var/lib/"+u["Service.StateDirectory"][0], dir, 1))
	}
	for _, name := range []string{"CONFAB_ROOT_ACCESS_KEY_ID", "CONFAB_ROOT_SECRET_ACCESS_KEY"} {
		env = append(env, name+"="+secrets[name])
	}
	run := func(key string, args ...string) *exec.Cmd {
		words := strings.Fields(strings.Replace(u[key][0], "/usr/local/bin/confab", binary, 1))
		cmd := exec.Command(words[0], append(words[1:], args...)...)
		cmd.Env = env
		return cmd
	}
	address := freeAddress(t)
	s := startServer(t, run("Service.ExecStart", "--listen", address, "--admin-listen", "off"))
	s.waitFor(t, "http://"+address+"/readyz")
	out, err := run("Service.ExecReload").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || !strings.Contains(string(out), "to process "+strconv.Itoa(pid)) {
		t.Errorf("the PID file holds %q after %s", text, out)
	}
	if err := manager.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for told, b := "", make([]byte, 4096); !strings.Contains(told, "MAINPID="+strconv.Itoa(pid)+"\n"); {
		n, err := manager.Read(b)
		if err != nil {
			t.Fatalf("systemd is not told about process %d: %v", pid, err)
		}
		told = string(b[:n])
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-s.done; err != nil { // Its outputs are the second process's, too.
		t.Errorf("%v\n%s", err, s.log.String())
	}
}

// server is a running program.
type server struct {
	cmd  *exec.Cmd
	log  strings.Builder // written by the process until it ends
	done chan error
}

func startServer(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{cmd: cmd, done: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.done <- cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // It may have ended.
		for range s.done {
		}
	})
	return s
}

// waitFor waits until the URL answers 200.
func (s *server) waitFor(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-s.done:
			t.Fatalf("ended before %s answered: %v\n%s", url, err, s.log.String())
		case <-ctx.Done():
			t.Fatalf("%s: %v", url, err)
		case <-tick.C:
		}
	}
}

// stop sends SIGTERM and expects exit status 0.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.done:
		if err != nil {
			t.Fatalf("ended with %v\n%s", err, s.log.String())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("does not end")
	}
}

// freeAddress is a loopback address without a listener.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
