package commands

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// kinds are commands of each kind: an operation of IVS Chat with an answer and without one, a
// name to look up, an operation that Confab adds, and those that connect to a room.
var kinds = [][]string{
	{"room", "get", foreignRoom},
	{"room", "delete", foreignRoom},
	{"room", "get", "demo"},
	{"room", "messages", foreignRoom},
	{"chat", foreignRoom, "--as", "ann"},
	{"tail", foreignRoom},
	{"load", foreignRoom},
	{"apply"}, // with a file
}

// TestEndpoint has endpoints that are wrong. Each kind of command ends, and its one line says
// what to do.
func TestEndpoint(t *testing.T) {
	server := process.Serve(t, process.Options{})
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!DOCTYPE html><title>Welcome to nginx!</title>")
	}))
	defer page.Close()
	secure := httptest.NewTLSServer(page.Config.Handler)
	defer secure.Close()
	file := filepath.Join(t.TempDir(), "rooms.yaml")
	if err := os.WriteFile(file, []byte("rooms: [{name: stage}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, endpoint, says string }{
		{"a web server", page.URL, page.URL + " answered 200 OK, and not as IVS Chat does; correct the endpoint (--endpoint, AWS_ENDPOINT_URL_IVSCHAT), or have the proxy there pass all calls to the server"},
		{"nothing", "http://127.0.0.1:1", "http://127.0.0.1:1 cannot be reached (connection refused); start the server, or correct the endpoint (--endpoint, AWS_ENDPOINT_URL_IVSCHAT)"},
		{"a name that is not known", "http://confab.invalid", "onfab.invalid"}, // What DNS says depends on the machine.
		{"an unknown authority", secure.URL, "(x509: certificate signed by unknown authority); name the file with the certificate of this authority in AWS_CA_BUNDLE"},
		{"TLS to a port without", "https" + strings.TrimPrefix(server.Endpoint, "http"), "speaks HTTP without TLS; use http:// in the endpoint"},
		{"a port of TLS without", "http" + strings.TrimPrefix(secure.URL, "https"), "speaks HTTPS; use https:// in the endpoint"},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := environment(t, test.endpoint)
			var all []*background // Some wait for the server: all of them do so at once.
			for _, args := range kinds {
				if args[0] == "load" && !strings.Contains(test.endpoint, "127.0.0.1") {
					continue // It asks first.
				}
				if args[0] == "apply" {
					args = []string{"apply", "-f", file}
				}
				all = append(all, inBackground(t, env, args...))
			}
			for _, cmd := range all {
				args := strings.Join(cmd.cmd.Args[1:], " ")
				status, said := cmd.ends(), cmd.errs.String()
				if test.name == "nothing" && slices.Contains([]string{"chat", "tail", "load"}, cmd.cmd.Args[1]) {
					rest, waited := strings.CutPrefix(said, "confab: no server accepts connections at "+test.endpoint+"; waiting 10s for one\n")
					if said = rest; !waited {
						t.Errorf("confab %s does not wait for a server", args)
					}
				}
				if status != 1 || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "confab: ") || !strings.Contains(said, test.says) {
					t.Errorf("confab %s: exit status %d, it says %q, want %q", args, status, said, test.says)
				}
				if out := cmd.out.String(); out != "" {
					t.Errorf("confab %s prints %q", args, out)
				}
			}
		})
	}
}

// TestWait starts commands that stay connected before their server: each waits for it.
func TestWait(t *testing.T) {
	server := process.Serve(t, process.Options{})
	shell(t, environment(t, server.Endpoint), t.TempDir(), "confab room create demo --tag confab:history=1h && confab send demo hello --as ann")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	env := environment(t, server.Endpoint)
	waiting := "confab: no server accepts connections at " + server.Endpoint + "; waiting 10s for one\n"
	var all []*background
	for _, args := range [][]string{{"chat", "demo", "--as", "ann"}, {"tail", "demo", "--since", "1h", "--limit", "1"}, {"load", "demo", "--connections", "1", "--for", "100ms"}} {
		cmd := inBackground(t, env, args...)
		for begin := time.Now(); cmd.errs.String() != waiting; time.Sleep(5 * time.Millisecond) {
			if time.Since(begin) > screenTime {
				t.Fatalf("confab %s says %q", args[0], cmd.errs.String())
			}
		}
		all = append(all, cmd)
	}
	screen := startTerminal(t, env, 80, 24, "chat", "demo", "--as", "ann")
	screen.shows("waiting 10s for")
	process.Serve(t, process.Options{DataDir: server.DataDir, Address: strings.TrimPrefix(server.Endpoint, "http://")})
	for _, cmd := range all {
		if status := cmd.ends(); status != 0 || cmd.errs.String() != waiting {
			t.Errorf("confab %s: exit status %d, it says %q", cmd.cmd.Args[1], status, cmd.errs.String())
		}
	}
	screen.shows(" connected")
	screen.keys(ctrlC)
	if status, _ := screen.ends(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestAuthority has a server whose certificate comes from an authority of its own: with
// AWS_CA_BUNDLE, calls and connections work.
func TestAuthority(t *testing.T) {
	certificate, err := process.NewCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := process.Serve(t, process.Options{Certificate: certificate})
	env := append(environment(t, server.Endpoint), "AWS_CA_BUNDLE="+certificate.CertFile)
	shell(t, env, t.TempDir(), `confab room create demo --tag confab:history=1h
echo hello | confab chat demo --as ann | grep '"Content":"hello"'
confab tail demo --since 1h --limit 1
confab load demo --connections 2 --for 1s
{ confab doctor --room demo || true; } | grep '^OK    messages' # The certificate ends too soon for the other checks.`)
	without := slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, "AWS_CA_BUNDLE=") })
	if out, status := confab(t, without, "doctor"); status != 1 || !strings.Contains(out, "name its certificate in AWS_CA_BUNDLE") {
		t.Errorf("exit status %d\n%s", status, out)
	}
}
