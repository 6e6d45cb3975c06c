package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// start makes a cluster in a new directory and starts it.
func start(settings ...string) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "confab-pgtest-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: binaries(), options: settings}
	if err := c.create(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	// Between looking for a free port and taking it, another process may.
	for range 5 {
		if c.port, err = freePort(); err != nil {
			break
		}
		if err = c.launch(); err == nil {
			return c, nil
		}
	}
	c.destroy()
	return nil, err
}

// create makes the data directory. Its order of text is not the order of bytes,
// as is usual where people live, so that a test finds a column that relies on it.
func (c *Cluster) create() error {
	attr, err := c.attributes()
	if err != nil {
		return err
	}
	if attr.Credential != nil {
		if err := os.Chown(c.dir, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), "--pgdata", c.Dir(), "--username", User, "--auth", "trust", //nolint:gosec // Debian's path.
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en", "--no-sync", "--no-instructions")
	cmd.Dir, cmd.SysProcAttr = c.dir, attr
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// attributes has PostgreSQL run as the user postgres when we are root, which it
// refuses to be, and end when we are killed.
func (c *Cluster) attributes() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{}
	endWithParent(attr)
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, err
}

// launch starts the server and waits until it answers.
func (c *Cluster) launch() error {
	attr, err := c.attributes()
	if err != nil {
		return err
	}
	args := []string{"-D", c.Dir(), "-p", strconv.Itoa(c.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}
	for _, o := range c.options {
		args = append(args, "-c", o)
	}
	logFile, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd := exec.CommandContext(context.Background(), filepath.Join(c.bin, "postgres"), args...) //nolint:gosec // Debian's path.
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = c.dir, attr, logFile, logFile
	if c.ended, err = begin(cmd); err != nil {
		return err
	}
	c.process = cmd.Process
	return c.answer()
}

// begin starts cmd. The channel is closed when the process has ended.
func begin(cmd *exec.Cmd) (ended chan struct{}, err error) {
	started := make(chan error)
	ended = make(chan struct{})
	go func() {
		// It ends with the thread that started it, so that thread stays.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait() //nolint:errcheck // The tests decide how it ends.
		}
		close(ended)
	}()
	return ended, <-started
}

// answer waits until the server takes connections.
func (c *Cluster) answer() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-again.C:
		case <-c.ended:
			text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			return fmt.Errorf("PostgreSQL does not start: %s", text)
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		}
	}
}

func (c *Cluster) running() bool {
	if c.process == nil {
		return false
	}
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// Stop stops the server at once: connections end, transactions are undone.
func (c *Cluster) Stop(tb testing.TB) {
	tb.Helper()
	if err := c.end(syscall.SIGINT); err != nil {
		tb.Fatal(err)
	}
}

// Kill ends the server without a chance to write anything.
func (c *Cluster) Kill(tb testing.TB) {
	tb.Helper()
	if err := c.end(syscall.SIGQUIT); err != nil {
		tb.Fatal(err)
	}
}

func (c *Cluster) end(sig syscall.Signal) error {
	if !c.running() {
		return nil
	}
	if err := c.process.Signal(sig); err != nil {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(30 * time.Second):
		return errors.Join(errors.New("PostgreSQL does not stop"), c.process.Kill())
	}
}

// Restart starts a server that was stopped, at the same address.
func (c *Cluster) Restart(tb testing.TB) {
	tb.Helper()
	if err := c.launch(); err != nil {
		tb.Fatal(err)
	}
}

func (c *Cluster) destroy() {
	c.end(syscall.SIGQUIT) //nolint:errcheck // Its data goes anyway.
	os.RemoveAll(c.dir)
}

func freePort() (int, error) {
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
