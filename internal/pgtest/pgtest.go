// Package pgtest runs PostgreSQL for tests: a cluster of their own in a
// temporary directory, from the binaries that the Debian package postgresql
// installs, on a free port of 127.0.0.1.
//
// A test binary shares one cluster, which Shared starts when the first test
// needs it. Its TestMain ends with
//
//	os.Exit(pgtest.Run(m))
//
// so that the cluster goes with it. Tests that stop or change the server have
// one of their own: Start.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// User is the superuser of every cluster.
const User = "confab"

// Cluster is a PostgreSQL server.
type Cluster struct {
	dir, bin string
	port     int
	options  []string
	process  *os.Process
	ended    chan struct{} // closed when the process has ended
}

// binaries is the folder of PostgreSQL's newest version, "" without one.
var binaries = sync.OnceValue(func() string {
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(all) == 0 {
		return ""
	}
	slices.SortFunc(all, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(all[len(all)-1])
})

func version(initdb string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	if err != nil {
		return 0
	}
	return n
}

// without, when it is "skip", has tests that need PostgreSQL be skipped. Where
// it is not set they fail without it, so that nobody takes them for passed.
const without = "CONFAB_TEST_POSTGRES"

// Available says whether this machine has PostgreSQL. It is an error that it has
// none, unless the environment says that tests shall go without.
func Available() (bool, error) {
	if binaries() != "" {
		return true, nil
	}
	if os.Getenv(without) == "skip" {
		return false, nil
	}
	return false, fmt.Errorf("PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/initdb): make setup installs it; %s=skip leaves its tests out", without)
}

// Need fails the test on a machine without PostgreSQL: see Available.
func Need(tb testing.TB) {
	tb.Helper()
	switch ok, err := Available(); {
	case err != nil:
		tb.Fatal(err)
	case !ok:
		tb.Skip("PostgreSQL is not installed, and " + without + "=skip")
	}
}

var shared = sync.OnceValues(func() (*Cluster, error) {
	c, err := start("fsync=off", "full_page_writes=off", "max_connections=300")
	started = c
	return c, err
})

// started is the shared cluster, if it is.
var started *Cluster

// Run runs the tests and stops what they shared.
func Run(m *testing.M) int {
	code := m.Run()
	if started != nil {
		started.destroy()
	}
	return code
}

// Shared returns the cluster that all tests of the binary share. It does not
// survive a crash of the machine, and so it is fast.
func Shared(tb testing.TB) *Cluster {
	tb.Helper()
	Need(tb)
	c, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Start starts a cluster for one test, with settings like "fsync=off".
func Start(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	Need(tb)
	c, err := start(settings...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.destroy)
	return c
}

// Database makes an empty database and returns its URL. The test's end drops it.
func (c *Cluster) Database(tb testing.TB) string {
	tb.Helper()
	return c.Copy(tb, "template1")
}

// Copy is Database with what another one has, to which nobody is connected.
func (c *Cluster) Copy(tb testing.TB, template string) string {
	tb.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	c.Exec(tb, `CREATE DATABASE `+name+` TEMPLATE `+template)
	tb.Cleanup(func() {
		if c.running() {
			c.Exec(tb, `DROP DATABASE `+name+` WITH (FORCE)`)
		}
	})
	return c.URL(name)
}

var databases atomic.Int64

// URL is that of a database.
func (c *Cluster) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(User), Host: c.Address(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Address is the server's HOST:PORT.
func (c *Cluster) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// Dir is the data directory.
func (c *Cluster) Dir() string { return filepath.Join(c.dir, "data") }

// Exec runs statements as the superuser, each in a transaction of its own.
func (c *Cluster) Exec(tb testing.TB, statements ...string) {
	tb.Helper()
	conn := Connect(tb, c.URL("postgres"))
	defer conn.Close(context.WithoutCancel(tb.Context()))
	for _, s := range statements {
		if _, err := conn.Exec(context.WithoutCancel(tb.Context()), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

// Connect connects to a database; the test's end closes it.
func Connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(context.WithoutCancel(tb.Context())) })
	return conn
}

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
	// Between looking for a free port and taking it, somebody else may.
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
	begun := make(chan error)
	ended = make(chan struct{})
	go func() {
		// It ends with the thread that started it, so that thread stays.
		runtime.LockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			cmd.Wait() //nolint:errcheck // How it ends is the tests' wish.
		}
		close(ended)
	}()
	return ended, <-begun
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
