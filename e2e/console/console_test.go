// Package console drives the web console of the built binary in Chromium, as its
// users do. It needs what e2e/clients needs; the pages' tests are beside those of the
// official clients, in e2e/clients/node.
package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) { process.Exit(m.Run()) }

// everything is the policy of an administrator, reading of somebody who only looks.
const (
	everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ivschat:*","confab:*"],"Resource":"*"}]}`
	reading    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ivschat:List*","ivschat:Get*","confab:Get*","confab:List*"],"Resource":"*"}]}`
)

// pages runs one file of tests with Node's runner, against a server. Node exits at the end,
// also if a test that failed has left a client connected.
func pages(t *testing.T, s *process.Server, file string, env ...string) {
	t.Helper()
	official.Need(t, official.Dir)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-force-exit", "--test-reporter=spec", filepath.Join(official.Dir, file))
	cmd.Env = append(official.Environment(s.Endpoint, s.WebSocket), env...)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	t.Log(process.Tail(string(out)))
	if err != nil || !strings.Contains(string(out), "fail 0") || strings.Contains(string(out), "pass 0") {
		t.Errorf("%s: %v", file, err)
	}
}

// credentials makes an access key with a policy, as two variables of an environment.
func credentials(t *testing.T, s *process.Server, name, policy string) []string {
	t.Helper()
	key, err := s.CreateCredentials(t.Context(), name, policy)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"KEY_ID=" + key.AccessKeyID, "KEY_SECRET=" + key.SecretAccessKey}
}

// TestPages runs the files of tests that need a server and nothing else.
func TestPages(t *testing.T) {
	t.Parallel()
	// Webhooks of the tests are on this machine.
	webhooks := []string{"--webhook-insecure", "--webhook-allow", "127.0.0.0/8"}
	for name, args := range map[string][]string{
		"looks":       nil,      // screens, colors, writing from right to left, keyboards
		"states":      nil,      // each page while it loads, when it fails, is denied, offline, empty
		"moderation":  webhooks, // an evening of a moderator
		"strangers":   webhooks, // what people write who mean no good
		"quick-start": nil,      // the code that the page shows
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pages(t, process.Serve(t, process.Options{Args: args}), "console-"+name+".test.mjs")
		})
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
	pages(t, s, "console-start.test.mjs", "CONSOLE_URL="+address)
}

// TestConsole is an evening of an administrator, and a look by somebody who may only
// read.
func TestConsole(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	pages(t, s, "console.test.mjs", credentials(t, s, "reader", reading)...)
}

// TestOperator has a destination of chat logs that works and one that fails.
func TestOperator(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "chat-logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	// There is a file where the folder of log groups has to be.
	if err := os.WriteFile(filepath.Join(dir, "chat-logs", "cloudWatchLogs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := process.Serve(t, process.Options{DataDir: dir, Args: []string{"--log-destinations", "local", "--s3-log-interval", "1s", "--log-flush-interval", "1s"}})
	pages(t, s, "console-operator.test.mjs", "DATA_DIR="+dir)
}

// TestTrouble restarts the server and deletes an access key while pages are open.
func TestTrouble(t *testing.T) {
	t.Parallel()
	o := process.Options{DataDir: t.TempDir()}
	var err error
	if o.Address, err = process.FreeAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := process.Serve(t, o)
	key := credentials(t, s, "moderator", everything)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Log(err)
		}
	})
	// The page asks for what only the machine of the server can do.
	control := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		switch r.URL.Path {
		case "/restart":
			if err = s.Stop(); err == nil {
				s, err = process.Start(t.Context(), o)
			}
		case "/revoke":
			_, err = s.Run(t.Context(), "credentials", "delete", "--name", "moderator")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	defer control.Close()
	pages(t, s, "console-trouble.test.mjs", append(key, "CONTROL_URL="+control.URL)...)
}
