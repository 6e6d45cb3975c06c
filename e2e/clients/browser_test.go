package clients

import (
	"bufio"
	"context"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// TestBrowser runs the official chat client and the AWS SDK in Chromium.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	nodeTest(t, 5*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "browser.test.mjs")
}

// TestBansInBrowser is TestBans in Chromium, with a stock page of a moderator.
func TestBansInBrowser(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	nodeTest(t, 4*time.Minute, official.Environment(s.Endpoint, s.WebSocket), "bans-browser.test.mjs")
}

// TestExample has two windows chat through the application in examples/browser.
func TestExample(t *testing.T) {
	t.Parallel()
	const dir = "../../examples/browser"
	official.Need(t, dir)
	s := process.Serve(t, process.Options{})
	env := append(official.Environment(s.Endpoint, ""), "PORT=0")
	env = append(env, "EXAMPLE_URL="+startExample(t, dir, env))
	nodeTest(t, 2*time.Minute, env, "example.test.mjs")
}

// startExample starts the example's server and returns the address it prints.
func startExample(t *testing.T, dir string, env []string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "node", "server.mjs")
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var failure process.Buffer
	cmd.Stderr = &failure
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // It was killed, and says so.
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(lines.Text()); url != "" {
			return url
		}
	}
	t.Fatalf("the example printed no address:\n%s", failure.String())
	return ""
}
