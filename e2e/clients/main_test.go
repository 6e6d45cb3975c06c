package clients

import (
	"bytes"
	"context"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) { process.Exit(m.Run()) }

// listen opens the socket that servers are handed by socket activation.
func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// run runs a client to its end and returns its standard output; its exit
// status decides.
func run(t *testing.T, limit time.Duration, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	var all process.Buffer // both outputs, as they came
	cmd.Stdout = io.MultiWriter(&out, &all)
	cmd.Stderr = &all
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, process.Tail(all.String()))
	}
	return out.String()
}

// nodeTest runs one file of tests with Node's own runner.
func nodeTest(t *testing.T, limit time.Duration, env []string, file string) {
	t.Helper()
	official.Need(t, "node")
	out := run(t, limit, env, "node", "--test", "--test-reporter=spec", "--test-concurrency=1", "--test-force-exit", filepath.Join("node", file))
	t.Log(process.Tail(out))
	if !strings.Contains(out, "fail 0") || strings.Contains(out, "pass 0") {
		t.Errorf("no test of %s passed:\n%s", file, out)
	}
}
