package cli_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"confab/internal/cli"
)

// healthcheck runs the command as a container runtime does, and returns the exit
// status and what it had to say.
func healthcheck(args ...string) (status int, said string) {
	var out bytes.Buffer
	status = cli.Run(append([]string{"healthcheck"}, args...), cli.Environment{In: strings.NewReader(""), Out: &out, Err: &out})
	return status, out.String()
}

func TestHealthcheck(t *testing.T) {
	draining := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "draining\n") //nolint:errcheck // The client looks at the status alone.
		}
	})
	plain := httptest.NewServer(draining)
	defer plain.Close()
	address := plain.Listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("a server that lives", func(t *testing.T) {
		for _, listen := range []string{address, ":" + port, "0.0.0.0:" + port, "localhost:" + port} {
			if status, said := healthcheck("--listen", listen); status != 0 || said != "" {
				t.Errorf("--listen %s: status %d, said %q; want 0 and silence", listen, status, said)
			}
		}
	})
	t.Run("a server that drains is not ready", func(t *testing.T) {
		status, said := healthcheck("--ready", "--listen", address)
		if want := "confab: http://" + address + "/readyz: status 503: draining\n"; status != 1 || said != want {
			t.Errorf("status %d, said %q; want 1 and %q", status, said, want)
		}
	})
	t.Run("a server with a certificate for another name", func(t *testing.T) {
		secure := httptest.NewTLSServer(draining)
		defer secure.Close()
		status, said := healthcheck("--listen", secure.Listener.Addr().String(), "--tls-cert", "chain.pem", "--tls-key", "key.pem")
		if status != 0 {
			t.Errorf("status %d, said %q; want 0", status, said)
		}
	})
	t.Run("no server", func(t *testing.T) {
		gone := httptest.NewServer(draining)
		gone.Close()
		status, said := healthcheck("--listen", gone.Listener.Addr().String())
		if status != 1 || !strings.Contains(said, "connection refused; is the server running") {
			t.Errorf("status %d, said %q; want 1 and a question", status, said)
		}
	})
}
