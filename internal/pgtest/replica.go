package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Standby starts a second server that follows c by streaming replication and can be
// promoted. From its return on, no commit of c succeeds before the standby has it on its
// disk. It is removed when the test ends.
func (c *Cluster) Standby(tb testing.TB) *Cluster {
	tb.Helper()
	dir, err := os.MkdirTemp("", "confab-pgtest-") //nolint:usetesting // The user postgres may not enter tb.TempDir.
	if err != nil {
		tb.Fatal(err)
	}
	s := &Cluster{dir: dir, bin: c.bin, options: c.options}
	tb.Cleanup(s.destroy)
	if s.port, err = freePort(); err != nil {
		tb.Fatal(err)
	}
	s.Follow(tb, c)
	return s
}

// Follow makes c, which is stopped, a new standby of another server, at the address that c
// had. The data of c is deleted. As after Standby, the other server waits for it.
func (c *Cluster) Follow(tb testing.TB, primary *Cluster) {
	tb.Helper()
	if err := c.follow(tb.Context(), primary); err != nil {
		tb.Fatal(err)
	}
	primary.Exec(tb, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
	primary.waitSynchronous(tb)
}

func (c *Cluster) follow(ctx context.Context, primary *Cluster) error {
	attr, err := c.attributes()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(c.Dir()); err != nil {
		return err
	}
	if attr.Credential != nil {
		if err := os.Chown(c.dir, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "pg_basebackup"), "--pgdata", c.Dir(), "--write-recovery-conf", //nolint:gosec // Debian's path.
		"--host", "127.0.0.1", "--port", strconv.Itoa(primary.port), "--username", User, "--checkpoint", "fast", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = c.dir, attr
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return c.launch()
}

// waitSynchronous waits until commits wait for a standby.
func (c *Cluster) waitSynchronous(tb testing.TB) {
	tb.Helper()
	conn := Connect(tb, c.URL("postgres"))
	defer conn.Close(context.WithoutCancel(tb.Context()))
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var n int
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'`).Scan(&n); err != nil {
			tb.Fatal(err)
		}
		if n > 0 {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			tb.Fatal("the standby does not follow")
		}
	}
}

// Promote makes a standby accept writes. Its commits wait for no other server.
func (c *Cluster) Promote(tb testing.TB) {
	tb.Helper()
	c.Exec(tb, "SELECT pg_promote()", "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
}

// Freeze stops all processes of the server with SIGSTOP: its port accepts connections, but
// neither new nor old connections get answers. resume continues the processes.
func (c *Cluster) Freeze(tb testing.TB) (resume func()) {
	tb.Helper()
	// The first process makes the others, so it stops first.
	if err := c.process.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatal(err)
	}
	stopped := []int{c.process.Pid}
	resume = func() {
		tb.Helper()
		for _, pid := range stopped {
			if err := syscall.Kill(pid, syscall.SIGCONT); err != nil && !errors.Is(err, syscall.ESRCH) {
				tb.Error(err)
			}
		}
	}
	pid := strconv.Itoa(c.process.Pid)
	children, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	if err != nil {
		resume()
		tb.Fatal(err)
	}
	for child := range strings.FieldsSeq(string(children)) {
		n, err := strconv.Atoi(child)
		if err == nil {
			err = syscall.Kill(n, syscall.SIGSTOP)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			resume()
			tb.Fatal(err)
		}
		stopped = append(stopped, n)
	}
	return resume
}
