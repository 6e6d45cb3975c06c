package clients

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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
				if err := s.HandOver(t.Context()); err != nil {
					t.Fatal(err)
				}
				c.AllConnectAgain(t)
				if away := c.Away(); away > mostAway {
					t.Errorf("a client was away for %s", away)
				} else {
					t.Logf("clients were away for %s at most", away)
				}
				c.Chat(t, text)
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
			err = s.HandOver(t.Context())
			if err == nil || !strings.Contains(err.Error(), "exit status 3") {
				t.Errorf("with a program that ends: %v", err)
			}
			c.AllConnectAgain(t)
			if away := c.Away(); away > mostAway {
				t.Errorf("a client was away for %s when the server took back", away)
			}
			c.Chat(t, "after the server took back")
			if s.PID() != second {
				t.Errorf("the process is %d, not %d", s.PID(), second)
			}

			install(t, program)
			if err := s.HandOver(t.Context()); err != nil {
				t.Error(err)
			}
			c.AllConnectAgain(t)
			t.Logf("calls took %s at most", calls())
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

// callAPI calls until what it returns is called. A call that fails or takes too long
// fails the test.
func callAPI(t *testing.T, call func(context.Context) error) (end func() (slowest time.Duration)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan time.Duration, 1)
	go func() {
		var slowest time.Duration
		pace := time.NewTicker(callEvery)
		defer pace.Stop()
		for ctx.Err() == nil {
			<-pace.C
			begin := time.Now()
			if err := call(t.Context()); err != nil {
				t.Errorf("a call failed: %v", err)
				break
			}
			slowest = max(slowest, time.Since(begin))
		}
		if slowest > mostAway {
			t.Errorf("a call took %s", slowest)
		}
		done <- slowest
	}()
	stop := func() time.Duration {
		cancel()
		slowest := <-done
		done <- slowest
		return slowest
	}
	t.Cleanup(func() { stop() })
	return stop
}
