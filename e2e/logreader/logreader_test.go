// Package logreader_test runs the server with a reader of its log that stalls or exits.
// Clients must not notice either.
package logreader_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) { process.Exit(m.Run()) }

// standardErrors are what the reader may read from.
var standardErrors = map[string]func() (reader, writer *os.File, err error){
	"a pipe": os.Pipe,
	"a socket": func() (reader, writer *os.File, err error) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, nil, err
		}
		return os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer"), nil
	},
}

func TestLogReader(t *testing.T) {
	for name, open := range standardErrors {
		t.Run(name+" that stalls", func(t *testing.T) {
			reader, server, admin := start(t, open)
			// Far more lines than the pipe, the socket and the buffer hold.
			until(t, func() bool { use(t, server, 500); return dropped(t, admin) > 0 })
			stopQuickly(t, server)
			text := readAll(t, reader)
			if strings.Count(text, "\n") < 100 || !strings.HasPrefix(text, `{"time":`) {
				t.Errorf("the reader has %d bytes", len(text))
			}
		})
		t.Run(name+" that comes back", func(t *testing.T) {
			reader, server, admin := start(t, open)
			until(t, func() bool { use(t, server, 500); return dropped(t, admin) > 0 })
			read := make(chan string, 1)
			go func() { read <- readAll(t, reader) }()
			until(t, func() bool { // The notice, and behind it new lines.
				before := dropped(t, admin)
				use(t, server, 20)
				return dropped(t, admin) == before
			})
			stopQuickly(t, server)
			text := <-read
			if n := strings.Count(text, `"msg":"Log lines dropped"`); n == 0 {
				t.Error("the log does not say that lines are missing")
			}
			if !strings.Contains(text[strings.LastIndex(text, "Log lines dropped"):], `"msg":"Stopped"`) {
				t.Error("the log has no end")
			}
		})
		t.Run(name+" that leaves", func(t *testing.T) {
			reader, server, admin := start(t, open)
			reader.Close()
			use(t, server, 20)
			if n := dropped(t, admin); n == 0 {
				t.Error("no lost line is counted")
			}
			stopQuickly(t, server)
		})
	}
}

// start starts a server that logs much to what open opens.
func start(t *testing.T, open func() (reader, writer *os.File, err error)) (reader *os.File, server *process.Server, admin string) {
	t.Helper()
	reader, writer, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	defer writer.Close()
	admin, err = process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server, err = process.Start(t.Context(), process.Options{
		DataDir: t.TempDir(), Stderr: writer, Args: []string{"--log-level", "debug", "--admin-listen", admin, "--connect-rate-per-address", "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Kill(); err != nil {
			t.Error(err)
		}
	})
	return reader, server, admin
}

// use has the server refuse handshakes and calls, each of which is logged.
func use(t *testing.T, server *process.Server, count int) {
	t.Helper()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range count {
				header := http.Header{"X-Padding": {strings.Repeat("x", 500)}}
				if n%2 == 0 {
					header = http.Header{
						"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
						"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {"no-token"},
					}
				}
				if status := get(t, server.Endpoint+"/", header); status < http.StatusBadRequest {
					t.Errorf("status %d, want a refusal", status)
				}
			}
		})
	}
	all.Wait()
}

// client waits as long as no reader of the log may make it wait.
var client = &http.Client{Timeout: 15 * time.Second}

func get(t *testing.T, url string, header http.Header) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	req.Header = header
	res, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return http.StatusBadRequest
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body) //nolint:errcheck // Only the status counts.
	return res.StatusCode
}

// dropped returns confab_log_lines_dropped_total.
func dropped(t *testing.T, admin string) (lines float64) {
	t.Helper()
	values, err := process.Scrape(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	return values["confab_log_lines_dropped_total"]
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !done(); {
		if t.Failed() || time.Now().After(end) {
			t.Fatal("it does not come to pass")
		}
	}
}

// stopQuickly stops the server: its log may take one second of that.
func stopQuickly(t *testing.T, server *process.Server) {
	t.Helper()
	begin := time.Now()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
