//go:build linux

// Package confab runs the built server for load tests. It makes rooms and chat tokens through
// the public API, fast enough for tens of thousands of clients.
package confab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"confab/bench/load"
	"confab/internal/testbed/process"
)

// Server is a running server with a data directory of its own.
type Server struct {
	*process.Server
	// Admin is the address of /metrics and /debug/pprof.
	Admin string

	http *http.Client
}

// Start starts a server on the given core with one processor (GOMAXPROCS=1); a
// negative core leaves it where it is. Limits of connects are off, logging is
// quiet; args come behind that.
func Start(ctx context.Context, core int, o process.Options, args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "confab-bench-")
	if err != nil {
		return nil, err
	}
	if o.DataDir == "" {
		o.DataDir = dir
	}
	admin, err := process.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	o.Args = append([]string{
		"--admin-listen", admin,
		"--connect-rate", "0", "--connect-rate-per-user", "0", "--connect-rate-per-address", "0", "--log-level", "error",
	}, args...)
	s := &Server{Admin: admin, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}}
	if o.Certificate != nil {
		s.http.Transport.(*http.Transport).TLSClientConfig = o.Certificate.Client //nolint:forcetypeassert // It is the one above.
	}
	start := func() (err error) {
		s.Server, err = process.Start(ctx, o)
		return err
	}
	if core >= 0 {
		o.Env = append(o.Env, "GOMAXPROCS=1")
		err = load.Pinned(core, start)
	} else {
		err = start()
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// Profile writes a CPU profile of the next seconds to a file.
func (s *Server) Profile(ctx context.Context, d time.Duration, file string) error {
	return s.save(ctx, fmt.Sprintf("profile?seconds=%d", max(int(d.Seconds()), 1)), file)
}

// HeapProfile writes a profile of what is in use on the heap after a collection
// to a file.
func (s *Server) HeapProfile(ctx context.Context, file string) error {
	return s.save(ctx, "heap?gc=1", file)
}

// Live returns how many bytes of the heap are in use after a collection.
func (s *Server) Live(ctx context.Context) (int64, error) {
	text, err := s.pprof(ctx, "heap?gc=1&debug=1")
	if err != nil {
		return 0, err
	}
	var live int64
	_, value, _ := bytes.Cut(text, []byte("\n# HeapAlloc = "))
	if _, err := fmt.Sscan(string(value), &live); err != nil {
		return 0, fmt.Errorf("read the size of the heap: %w", err)
	}
	return live, nil
}

func (s *Server) save(ctx context.Context, what, file string) error {
	profile, err := s.pprof(ctx, what)
	if err != nil {
		return err
	}
	return os.WriteFile(file, profile, 0o600)
}

// pprof asks the admin port for a profile.
func (s *Server) pprof(ctx context.Context, what string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Admin+"/debug/pprof/"+what, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

// Remove ends the server at once and deletes its data.
func (s *Server) Remove() error {
	err := s.Kill()
	s.http.CloseIdleConnections()
	if e := os.RemoveAll(s.DataDir); err == nil {
		err = e
	}
	return err
}

// callers is how many calls are made at the same time.
const callers = 16

// each calls f for 0 to n-1 from several goroutines and returns the first error.
func each(n int, f func(i int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range min(callers, n) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Rooms creates n rooms that take 100 messages a second, the most there is, and
// returns their ARNs.
func (s *Server) Rooms(ctx context.Context, n int) ([]string, error) {
	arns := make([]string, n)
	err := each(n, func(i int) error {
		var out struct{ ARN string }
		err := s.Call(ctx, "CreateRoom", map[string]any{"maximumMessageRatePerSecond": 100}, &out)
		arns[i] = out.ARN
		return err
	})
	return arns, err
}

// Tokens creates n chat tokens, the i-th for the room that room returns and a
// user of its own, with every capability.
func (s *Server) Tokens(ctx context.Context, n int, room func(i int) string) ([]string, error) {
	tokens := make([]string, n)
	err := each(n, func(i int) (err error) {
		tokens[i], err = s.Token(ctx, room(i), User(i))
		return err
	})
	return tokens, err
}

// User is the name of the i-th user.
func User(i int) string { return fmt.Sprintf("viewer%06d", i) }

// Token creates a chat token.
func (s *Server) Token(ctx context.Context, room, user string) (string, error) {
	var out struct{ Token string }
	err := s.Call(ctx, "CreateChatToken", map[string]any{
		"roomIdentifier": room, "userId": user, "sessionDurationInMinutes": 180,
		"capabilities": []string{"SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER"},
	}, &out)
	return out.Token, err
}

var signer = v4.NewSigner()

// Call makes one call of the API.
func (s *Server) Call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint+"/"+operation, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	hash := sha256.Sum256(body)
	root := aws.Credentials{AccessKeyID: process.AccessKeyID, SecretAccessKey: process.SecretAccessKey}
	if err := signer.SignHTTP(ctx, root, req, hex.EncodeToString(hash[:]), "ivschat", process.Region, time.Now()); err != nil {
		return err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %.200s", operation, res.Status, strings.TrimSpace(string(answer)))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
