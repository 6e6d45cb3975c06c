package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PgBouncer starts the connection pooler in front of the cluster, in a pool mode:
// "session", "transaction" or "statement". settings are further lines of its
// configuration. It returns the URL of database behind it; the test's end stops it.
func (c *Cluster) PgBouncer(tb testing.TB, database, mode string, settings ...string) string {
	tb.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		tb.Fatalf("PgBouncer is not installed: make setup installs it: %v", err)
	}
	attr, err := c.attributes()
	if err != nil {
		tb.Fatal(err)
	}
	source, err := pgx.ParseConfig(database)
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "confab-pgbouncer-") //nolint:usetesting // PgBouncer runs as another user, who may not enter the test's own directory.
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	configuration := filepath.Join(dir, "pgbouncer.ini")
	text := strings.Join(append([]string{
		"[databases]",
		fmt.Sprintf("* = host=127.0.0.1 port=%d user=%s", c.port, User),
		"[pgbouncer]",
		"listen_addr = 127.0.0.1",
		fmt.Sprintf("listen_port = %d", port),
		"unix_socket_dir =",
		"auth_type = any",
		"pool_mode = " + mode,
		"default_pool_size = 40",
	}, settings...), "\n")
	if err := os.WriteFile(configuration, []byte(text+"\n"), 0o644); err != nil { //nolint:gosec // PgBouncer runs as another user.
		tb.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // As above.
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	cmd := exec.CommandContext(ctx, program, configuration) //nolint:gosec // Found in the PATH.
	cmd.Dir, cmd.SysProcAttr = dir, attr
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	ended, err := begin(cmd)
	if err != nil {
		cancel()
		tb.Fatal(err)
	}
	tb.Cleanup(func() { cancel(); <-ended })
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for until := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", address) //nolint:noctx // Loopback answers at once.
		if err == nil {
			conn.Close()
			return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", User, address, source.Database)
		}
		select {
		case <-again.C:
		case <-ended:
			tb.Fatalf("PgBouncer does not start: %s", out.String())
		}
		if time.Now().After(until) {
			tb.Fatalf("PgBouncer does not answer: %v", err)
		}
	}
}
