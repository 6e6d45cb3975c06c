package review

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// serveHTTP starts the handler as an HTTP server and returns its target.
func serveHTTP(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		result, err := Answer(e)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if err := json.NewEncoder(w).Encode(result); err != nil {
			t.Log(err)
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL + "/review"
}

// buildFunction builds the handler with aws-lambda-go and returns its path.
func buildFunction(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bootstrap")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "confab/e2e/review/function")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// serveLambda starts serverless-offline with the handler of e2e/review/node and
// returns the Invoke endpoint.
func serveLambda(t *testing.T) string {
	t.Helper()
	program := filepath.Join("node", "node_modules", ".bin", "serverless")
	if _, err := os.Stat(program); err != nil {
		t.Fatal(`e2e/review/node has no node_modules: run "make setup", or "npm ci" there`)
	}
	program, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	var ports [2]string
	for i := range ports {
		address, err := process.FreeAddress(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = strings.TrimPrefix(address, "127.0.0.1:")
	}
	cmd := exec.Command(program, "offline", "start", "--host", "127.0.0.1", "--httpPort", ports[0], "--lambdaPort", ports[1])
	cmd.Dir = "node"
	cmd.Env = append(os.Environ(), "SLS_TELEMETRY_DISABLED=1", "SLS_NOTIFICATIONS_MODE=off", "HOME="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	var out process.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
		if err := <-ended; err == nil {
			t.Error("serverless offline ended before it was killed")
		}
	})
	deadline := time.After(time.Minute)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !strings.Contains(out.String(), "chat-dev-review") {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("serverless offline ended: %v\n%s", err, out.String())
		case <-deadline:
			t.Fatalf("serverless offline did not start:\n%s", out.String())
		case <-ticker.C:
		}
	}
	return "http://127.0.0.1:" + ports[1]
}
