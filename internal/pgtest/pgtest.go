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
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
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
// it is not set they fail without it, so that a skipped test is not taken for a passed one.
const without = "CONFAB_TEST_POSTGRES"

// Available reports whether this machine has PostgreSQL. If it has not, it returns an error,
// unless the environment says that such tests are skipped.
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

// Shared returns the cluster that all tests of the binary share. It is fast because it does
// not sync: it would not survive a crash of the machine.
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

// Database makes an empty database and returns its URL. It is dropped when the test ends.
func (c *Cluster) Database(tb testing.TB) string {
	tb.Helper()
	return c.Copy(tb, "template1")
}

// Copy is Database with the data of another one that has no connections.
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
