package docs

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"confab/internal/testbed/process"
)

// mostLines is how long a receiver of the documents may be: its lines without the first ones
// that say what it imports, without empty lines and comments.
const mostLines = 22

// TestReceivers calls the receivers of docs/webhooks.md: they take a call that is signed, show
// each event once, refuse any other call, and continue after it.
func TestReceivers(t *testing.T) {
	page, err := Read("docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	programs := page.Programs()
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		program := text
		if _, behind, is := strings.Cut(text, "\n)\n"); is { // Of Go's imports.
			program = behind
		}
		lines := 0
		for line := range strings.Lines(program) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "import ") && !strings.HasPrefix(line, "from ") {
				lines++
			}
		}
		if lines > mostLines {
			t.Errorf("%s has %d lines, more than %d", name, lines, mostLines)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		top, err := filepath.Abs(filepath.Join(root, name))
		if err == nil {
			err = os.Symlink(top, filepath.Join(home, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "receiver", "receiver.go")
	build.Dir = home
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, command := range map[string][]string{
		"python": {"python3", "receiver.py"}, "node": {"node", "receiver.mjs"}, "go": {"./receiver"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			callReceiver(t, home, name, command)
		})
	}
}

// callReceiver runs a receiver, which names its language in what it prints.
func callReceiver(t *testing.T, home, name string, command []string) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	address, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	var out process.Buffer
	cmd := exec.CommandContext(t.Context(), command[0], append(command[1:], port)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = home, append(os.Environ(), "WEBHOOK_SECRET="+secret), &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill() //nolint:errcheck // Wait tells.
		cmd.Wait()         //nolint:errcheck // It was killed.
		if t.Failed() {
			t.Log(out.String())
		}
	}()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	// call calls with the events of these contents, as of a time, with a change of the headers.
	call := func(at time.Time, change func(http.Header), contents ...string) (int, error) {
		var events []string
		for _, c := range contents {
			events = append(events, fmt.Sprintf(`{"type":"message.sent","id":"id of %s","frame":{"Content":%q}}`, c, c))
		}
		body := []byte(`{"type":"confab.events","data":{"events":[` + strings.Join(events, ",") + `]}}`)
		signature, err := signer.Sign("msg_1", at, body)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header["webhook-id"], r.Header["webhook-timestamp"] = []string{"msg_1"}, []string{fmt.Sprint(at.Unix())}
		r.Header["webhook-signature"] = []string{"v1,AAAA " + signature} // As while a secret is rotated.
		change(r.Header)
		r.Close = true
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err
		}
		res.Body.Close()
		return res.StatusCode, nil
	}
	good := func(http.Header) {}
	taken := func(contents ...string) {
		t.Helper()
		status, err := call(time.Now(), good, contents...)
		for end := time.Now().Add(startTime); err != nil && time.Now().Before(end); status, err = call(time.Now(), good, contents...) {
			time.Sleep(20 * time.Millisecond) // It does not listen yet.
		}
		if err != nil || status < 200 || status > 299 {
			t.Errorf("a call that is signed: %d, %v", status, err)
		}
	}
	taken("one", "two")
	for what, change := range map[string]func(http.Header){
		"another signature": func(h http.Header) {
			h["webhook-signature"] = []string{"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="}
		},
		"no ASCII": func(h http.Header) {
			h["webhook-signature"] = []string{"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI\u00e9="}
		},
		"no signature": func(h http.Header) { delete(h, "webhook-signature") },
		"another id":   func(h http.Header) { h["webhook-id"] = []string{"msg_2"} },
		"another time": func(h http.Header) { h["webhook-timestamp"] = []string{fmt.Sprint(time.Now().Unix() + 1)} },
		"no id":        func(h http.Header) { delete(h, "webhook-id") },
		"no time":      func(h http.Header) { delete(h, "webhook-timestamp") },
	} {
		if status, err := call(time.Now(), change, "forged"); err == nil && status < 400 {
			t.Errorf("a call with %s: %d", what, status)
		}
	}
	if status, err := call(time.Now().Add(-6*time.Minute), good, "old"); err == nil && status < 400 {
		t.Errorf("an old call: %d", status)
	}
	taken("two", "three")
	shown := func() (lines []string) {
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, name+": ") && strings.HasSuffix(line, "\n") { // Else its rest is still to come.
				lines = append(lines, strings.TrimSpace(strings.TrimPrefix(line, name+": message.sent ")))
			}
		}
		return lines
	}
	for end := time.Now().Add(startTime); len(shown()) < 3 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if got := strings.Join(shown(), " "); got != "one two three" {
		t.Errorf("it shows %q", got)
	}
}
