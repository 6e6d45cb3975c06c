package clients

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// mostAway is how long a hand-over may keep a client, or a call of the API, waiting.
const mostAway = time.Second

// crowd is how many clients are there: the 99th percentile is the slowest of them.
const crowd = 24

// callEvery keeps the calls below the quota of GetRoom, 10 a second.
const callEvery = 120 * time.Millisecond

// TestHandOver has a server on its own replace itself (SIGUSR2), while no other process
// holds its socket: official clients are back within a second, no call of the
// API fails, and the server serves again if its successor fails.
func TestHandOver(t *testing.T) {
	for _, tt := range []struct {
		name string
		tls  bool
	}{{"plain", false}, {"TLS", true}} {
		t.Run(tt.name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "confab.yaml")
			write := func(text string) {
				t.Helper()
				if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("log-level: info\n")
			program := filepath.Join(t.TempDir(), "confab")
			install(t, program)
			o := process.Options{Binary: program, Args: append([]string{"--config", config}, process.NoConnectRates...)}
			var options []func(*ivschat.Options)
			if tt.tls {
				var err error
				if o.Certificate, err = process.NewCertificate(t.TempDir()); err != nil {
					t.Fatal(err)
				}
				transport := &http.Transport{TLSClientConfig: o.Certificate.Client}
				options = append(options, func(o *ivschat.Options) { o.HTTPClient = &http.Client{Transport: transport} })
			}
			s := process.Serve(t, o)
			room, err := s.API().CreateRoom(t.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)}, options...)
			if err != nil {
				t.Fatal(err)
			}
			env := official.Environment(s.Endpoint, s.WebSocket)
			if tt.tls {
				env = append(env, "NODE_EXTRA_CA_CERTS="+o.Certificate.CertFile)
			}
			c := official.Start(t, append(env, official.Impatient), *room.Arn, crowd)
			c.Chat(t, "before")
			calls := callAPI(t, func(ctx context.Context) error {
				_, err := s.API().GetRoom(ctx, &ivschat.GetRoomInput{Identifier: room.Arn}, options...)
				return err
			})

			first := s.PID()
			for _, text := range []string{"after one", "after two"} {
				process.Within(t, mostAway, func() time.Duration {
					if err := s.HandOver(t.Context()); err != nil {
						t.Fatal(err)
					}
					return back(t, c, calls, text)
				})
			}

			second := s.PID()
			write("log-level: loud\n")
			err = s.HandOver(t.Context())
			if err == nil || !strings.Contains(err.Error(), "log-level") {
				t.Errorf("with a broken configuration: %v", err)
			}
			if first == second || s.PID() != second {
				t.Errorf("the processes were %d, %d, %d", first, second, s.PID())
			}
			c.Chat(t, "after a failure") // It fails if a client has left.

			key := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(key, []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			write("secret-key-file: " + key + "\n")
			err = s.HandOver(t.Context())
			if err == nil || !strings.Contains(err.Error(), "secret key") {
				t.Errorf("with another secret key: %v", err)
			}
			c.Chat(t, "after another failure") // As above.
			write("log-level: info\n")

			// This program ends when the server has stopped for it.
			if err := os.Remove(program); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(program, []byte(ending), 0o700); err != nil {
				t.Fatal(err)
			}
			process.Within(t, mostAway, func() time.Duration {
				err := s.HandOver(t.Context())
				if err == nil || !strings.Contains(err.Error(), "exit status 3") {
					t.Errorf("with a program that ends: %v", err)
				}
				return back(t, c, calls, "after the server took back")
			})
			if s.PID() != second {
				t.Errorf("the process is %d, not %d", s.PID(), second)
			}

			install(t, program)
			if err := s.HandOver(t.Context()); err != nil {
				t.Error(err)
			}
			c.AllConnectAgain(t)
		})
	}
}

// ending is a program that takes over, and ends before it serves.
const ending = `#!/bin/sh
link=$((2 + LISTEN_FDS))
echo prepared >&$link
read take <&$link
exit 3
`

// install puts the program under test at path.
func install(t *testing.T, path string) {
	t.Helper()
	binary, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	// The program that runs is not written to.
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o700); err != nil {
		t.Fatal(err)
	}
}

// back waits until all clients are back, has them chat, and returns how long a client was
// away or a call took, whichever is longer.
func back(t *testing.T, c *official.Clients, calls *calls, text string) time.Duration {
	t.Helper()
	c.AllConnectAgain(t)
	away, call := c.Away(), calls.slowest()
	t.Logf("%s: clients were away for %s at most, calls took %s at most", text, away, call)
	c.Chat(t, text)
	return max(away, call)
}

// calls calls the API until the end of the test. A call that fails fails the test.
type calls struct {
	mu   sync.Mutex
	took time.Duration // the longest
}

func callAPI(t *testing.T, call func(context.Context) error) *calls {
	t.Helper()
	c := &calls{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		pace := time.NewTicker(callEvery)
		defer pace.Stop()
		for ctx.Err() == nil {
			<-pace.C
			begin := time.Now()
			err := call(ctx)
			if ctx.Err() != nil {
				return // The test has ended.
			}
			if err != nil {
				t.Errorf("a call failed: %v", err)
				return
			}
			c.mu.Lock()
			c.took = max(c.took, time.Since(begin))
			c.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return c
}

// slowest returns how long the slowest call took since the last time.
func (c *calls) slowest() (took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	took, c.took = c.took, 0
	return took
}
