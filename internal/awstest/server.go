package awstest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Server is a program with services of AWS, on loopback.
type Server struct {
	// URL is the endpoint of all its services. It stays the same over restarts.
	URL string

	program string
	args    []string
	env     []string
	log     string // a file; removed by Close

	process *exec.Cmd
	gone    chan struct{} // closed when the process has ended
}

// startWithin is how long a program may take until it answers.
const startWithin = time.Minute

// toolsVenv is where tools/setup.sh installs moto when the machine has none,
// seen from a package two directories below the root.
const toolsVenv = "../../tools/.venv/bin/moto_server"

// StartMoto starts moto_server: S3, CloudWatch Logs and Firehose in memory, so
// what it has is gone when it ends. It accepts any credentials.
func StartMoto(ctx context.Context) (*Server, error) {
	program, err := exec.LookPath("moto_server")
	if err != nil {
		if program, err = exec.LookPath(toolsVenv); err != nil {
			return nil, errors.New(`moto_server is not installed: run "make setup", or pip install 'moto[server]'`)
		}
	}
	return newServer(ctx, program, nil, func(port string) []string { return []string{"-H", "127.0.0.1", "-p", port} })
}

// StartVersitygw starts versitygw, an S3 server whose objects are files in a directory,
// which must exist. So they survive Kill. It accepts the credentials of this package. It is
// built from tools/versitygw; the caller must be a package two directories below the root.
func StartVersitygw(ctx context.Context, dir string) (*Server, error) {
	data, meta := filepath.Join(dir, "data"), filepath.Join(dir, "meta")
	for _, d := range []string{data, meta} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	// With -n, go tool builds the program into its cache and says where it is.
	const module = "../../tools/versitygw/go.mod"
	build := exec.CommandContext(ctx, "go", "tool", "-modfile="+module, "-n", "versitygw")
	build.Stderr = os.Stderr
	binary, err := build.Output()
	if err != nil {
		return nil, fmt.Errorf("versitygw cannot be built from %s: %w", module, err)
	}
	env := []string{"ROOT_ACCESS_KEY=" + AccessKeyID, "ROOT_SECRET_KEY=" + SecretAccessKey}
	return newServer(ctx, strings.TrimSpace(string(binary)), env, func(port string) []string {
		return []string{"--region", Region, "--port", "127.0.0.1:" + port, "--quiet", "posix", "--sidecar", meta, data}
	})
}

func newServer(ctx context.Context, program string, env []string, args func(port string) []string) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	l.Close()
	if err != nil {
		return nil, err
	}
	log, err := os.CreateTemp("", "confab-test-server-")
	if err != nil {
		return nil, err
	}
	log.Close()
	s := &Server{URL: "http://127.0.0.1:" + port, program: program, args: args(port), env: env, log: log.Name()}
	if err := s.Start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Start starts the program, at first or after Kill, and waits until it answers.
func (s *Server) Start(ctx context.Context) error {
	log, err := os.OpenFile(s.log, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	//nolint:gosec // Running these programs is what it is for.
	s.process = exec.CommandContext(context.WithoutCancel(ctx), s.program, s.args...)
	s.process.Env = append(os.Environ(), s.env...)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		s.process = nil
		return err
	}
	s.gone = make(chan struct{})
	go func() {
		defer close(s.gone)
		_ = s.process.Wait() // Kill ends it, which is no news.
	}()
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !answers(ctx, s.URL) {
		select {
		case <-tick.C:
		case <-s.gone:
			out, err := os.ReadFile(s.log)
			return errors.Join(fmt.Errorf("%s has ended:\n%s", s.program, out), err)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer within %v", s.program, startWithin)
		}
	}
	return nil
}

// answers says whether there is an HTTP server.
func answers(ctx context.Context, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil
}

// Kill ends the program with SIGKILL and waits for it.
func (s *Server) Kill() {
	if s.process != nil {
		_ = s.process.Process.Kill() // It has ended by itself then.
		<-s.gone
		s.process = nil
	}
}

// Close ends the program for good.
func (s *Server) Close() {
	s.Kill()
	os.Remove(s.log)
}
