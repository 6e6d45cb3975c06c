// Package console uses the web console of the built binary in Chromium, as people do. It
// needs what e2e/clients needs. The scripts that drive the pages are in e2e/clients/node.
package console

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) { process.Exit(m.Run()) }

// pages runs one file of tests with Node's runner, against a server.
func pages(t *testing.T, file string, env ...string) {
	t.Helper()
	official.Need(t, official.Dir)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", filepath.Join(official.Dir, file))
	cmd.Env = append(official.Environment("", ""), env...)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	t.Log(process.Tail(string(out)))
	if err != nil || !strings.Contains(string(out), "fail 0") || strings.Contains(string(out), "pass 0") {
		t.Errorf("%s: %v", file, err)
	}
}

// TestFirstMinute opens what "serve --dev" prints first.
func TestFirstMinute(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{Args: []string{"--dev", "--account-id", "000000000000"}})
	var address string
	for line := range strings.Lines(s.Log()) {
		if text, ok := strings.CutPrefix(line, "Open "); ok {
			address, _, _ = strings.Cut(text, " ")
			break
		}
	}
	if address != s.Endpoint+"/_confab/console/" {
		t.Fatalf("the server printed the address %q:\n%s", address, s.Log())
	}
	pages(t, "console-start.test.mjs", "CONSOLE_URL="+address)
}

// TestConsole is an evening of an administrator, and a look by somebody who may only
// read.
func TestConsole(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	reader, err := s.CreateCredentials(t.Context(), "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ivschat:List*","ivschat:Get*","confab:Get*","confab:List*"],"Resource":"*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	pages(t, "console.test.mjs", "AWS_ENDPOINT_URL_IVSCHAT="+s.Endpoint, "CHAT_URL="+s.WebSocket,
		"READER_ACCESS_KEY_ID="+reader.AccessKeyID, "READER_SECRET_ACCESS_KEY="+reader.SecretAccessKey)
}

// TestModeration is an evening of a moderator, and what an operator sets up for
// applications.
func TestModeration(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{Args: []string{"--webhook-insecure", "--webhook-allow", "127.0.0.0/8"}})
	pages(t, "console-moderation.test.mjs", "AWS_ENDPOINT_URL_IVSCHAT="+s.Endpoint, "CHAT_URL="+s.WebSocket)
}
