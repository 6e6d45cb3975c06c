// Package process runs the built confab binary as an operator does: as a process with flags,
// environment, a data directory and signals. The black-box suites under e2e share it. It uses
// only what the program shows to everybody.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The account that servers started here serve.
const (
	Region          = "us-west-2"
	Account         = "123456789012"
	AccessKeyID     = "AKIDEXAMPLEROOT00001"
	SecretAccessKey = "root-secret-for-tests-only/+="
)

// startTimeout is how long a server may take to say it is ready, stopTimeout
// how long it may take to end after SIGTERM (with the short drain of Start).
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
)

// Binary returns the path of the program under test: CONFAB_BINARY, or else
// cmd/confab built once per test process. Remove deletes what it built.
var Binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("CONFAB_BINARY"); path != "" {
		return path, nil
	}
	return build("", "confab/cmd/confab", "confab")
})

// built is the temporary directory of what was built, if anything was.
var built struct {
	sync.Mutex
	dir string
}

// build builds a program in the source tree src, this one without, as a file of
// the given name, which differs from all others.
func build(src, program, name string) (path string, err error) {
	built.Lock()
	if built.dir == "" {
		built.dir, err = os.MkdirTemp("", "confab-e2e-")
	}
	dir := built.dir
	built.Unlock()
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, name)
	//nolint:gosec // The path is that of the line above.
	cmd := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-o", path, program)
	cmd.Dir, cmd.Env = src, append(os.Environ(), "CGO_ENABLED=0") // As "make build", whose packages are built already.
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", program, err, out)
	}
	return path, nil
}

// Exit ends a test program with the status of its tests: TestMain calls it.
func Exit(status int) {
	Remove()
	os.Exit(status)
}

// Remove deletes what was built.
func Remove() {
	built.Lock()
	defer built.Unlock()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}

// Options say how a server differs from the usual one of the suites.
type Options struct {
	// Binary, when set, is run instead of the program under test: see BuildAt.
	Binary string
	// DataDir must exist; a server started on the data of another continues
	// where that one ended.
	DataDir string
	// Args are appended to "serve", behind the defaults, so they win.
	Args []string
	// Env is appended to the environment.
	Env []string
	// Listener, when set, is passed by socket activation (LISTEN_FDS) instead
	// of an address; it outlives the server.
	Listener *net.TCPListener
	// Certificate, when set, has the server speak TLS.
	Certificate *Certificate
	// Address, when set, is listened on instead of a free port of the loopback
	// address, so that a node that starts again is found where it was.
	Address string
	// Through, when set, is a command that runs another and is replaced by it, so
	// that its process id is the server's: "ip netns exec NAME", "taskset -c 0".
	Through []string
	// Stderr, when set, is standard error, instead of what Log returns.
	Stderr *os.File
	// Unready, when set, has Start return once the server says that it is not
	// ready, and not before.
	Unready bool
}

// Server is a running "confab serve".
type Server struct {
	// Endpoint is the base of the API, for example http://127.0.0.1:8080.
	Endpoint string
	// WebSocket is the same port as a ws:// URL.
	WebSocket string
	DataDir   string

	cmd  *exec.Cmd
	env  []string     // of Options
	http *http.Client // for /readyz
	log  *Buffer
	done chan struct{} // closed when the process has ended
	err  error         // how; valid once done is closed

	killed    atomic.Bool
	successor atomic.Int64 // the process id after HandOver; 0 before
}

// Start starts a server and waits until it is ready.
func Start(ctx context.Context, o Options) (*Server, error) {
	binary, err := o.Binary, error(nil)
	if binary == "" {
		if binary, err = Binary(); err != nil {
			return nil, err
		}
	}
	args := []string{
		"serve", "--admin-listen", "127.0.0.1:0", "--data-dir", o.DataDir, "--region", Region,
		"--account-id", Account, "--drain-time", "1s",
	}
	scheme, socket, transport := "http", "ws", &http.Transport{DisableKeepAlives: true}
	if o.Certificate != nil {
		scheme, socket, transport.TLSClientConfig = "https", "wss", o.Certificate.Client
		args = append(args, "--tls-cert", o.Certificate.CertFile, "--tls-key", o.Certificate.KeyFile)
	}
	unending := context.WithoutCancel(ctx) // A server ends by Stop or Kill.
	var cmd *exec.Cmd
	var address string
	if o.Listener == nil {
		address = o.Address
		if address == "" {
			if address, err = FreeAddress(ctx); err != nil {
				return nil, err
			}
		}
		command := slices.Concat(o.Through, []string{binary}, args, []string{"--listen", address}, o.Args)
		//nolint:gosec // Running the program under test is what this package is for.
		cmd = exec.CommandContext(unending, command[0], command[1:]...)
	} else {
		address = o.Listener.Addr().String()
		file, err := o.Listener.File()
		if err != nil {
			return nil, fmt.Errorf("share the listener: %w", err)
		}
		defer file.Close()
		// Socket activation wants the pid of the receiver in its environment;
		// only the receiver knows it before exec.
		shell := append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`, binary}, args...)
		//nolint:gosec // As above.
		cmd = exec.CommandContext(unending, "sh", append(shell, o.Args...)...)
		cmd.ExtraFiles = []*os.File{file}
	}
	s := &Server{
		Endpoint: scheme + "://" + address, WebSocket: socket + "://" + address, DataDir: o.DataDir,
		http: &http.Client{Transport: transport}, cmd: cmd, env: o.Env, log: &Buffer{}, done: make(chan struct{}),
	}
	cmd.Env = append(environment(), o.Env...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if o.Stderr != nil {
		cmd.Stderr = o.Stderr
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() {
		s.err = cmd.Wait()
		close(s.done)
	}()
	status := http.StatusOK
	if o.Unready {
		status = http.StatusServiceUnavailable
	}
	if err := s.waitReady(ctx, status); err != nil {
		return nil, errors.Join(err, s.Kill())
	}
	return s, nil
}

// environment is this process's own without the variables that would change
// the server: other CONFAB_ settings and AWS configuration. Calls that the
// server makes to AWS itself, such as checking a Lambda function, meet a closed
// port at once instead of a real service.
func environment() []string {
	env := make([]string, 0, len(os.Environ()))
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CONFAB_") && !strings.HasPrefix(v, "AWS_") {
			env = append(env, v)
		}
	}
	return append(env,
		"CONFAB_ROOT_ACCESS_KEY_ID="+AccessKeyID, "CONFAB_ROOT_SECRET_ACCESS_KEY="+SecretAccessKey,
		"AWS_ACCESS_KEY_ID=AKIDOFTHESERVER00001", "AWS_SECRET_ACCESS_KEY=unused",
		"AWS_REGION="+Region, "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1",
		"AWS_ENDPOINT_URL=http://127.0.0.1:9", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
}

// The ports of FreeAddress. They lie below those that systems give to outgoing
// connections, of which tests make many: a server that starts again would find
// its port taken by one.
const (
	firstPort = 10000
	ports     = 20000
)

// lastPort counts through the ports from a place of this process's own.
var lastPort atomic.Uint32

func init() { lastPort.Store(rand.Uint32N(ports)) } //nolint:gosec // No secret.

// FreeAddress returns an address of 127.0.0.1 that nothing listens on, another one
// each time.
func FreeAddress(ctx context.Context) (string, error) {
	var err error
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+int(lastPort.Add(1)%ports)))
		var l net.Listener
		if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("no free port: %w", err)
}

// waitReady waits until /readyz answers with the status.
func (s *Server) waitReady(ctx context.Context, want int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		status, err := s.Ready(ctx)
		if status == want {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("confab serve ended before it was ready: %w\n%s", s.err, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("confab serve was not ready within %s (status %d, %w)\n%s", startTimeout, status, err, s.Log())
		case <-ticker.C:
		}
	}
}

// Ready returns the status of /readyz.
func (s *Server) Ready(ctx context.Context) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/readyz", nil)
	if err != nil {
		return 0, err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	return res.StatusCode, nil
}

// Terminate sends SIGTERM and returns at once; Wait waits for the end.
func (s *Server) Terminate() error { return s.Signal(syscall.SIGTERM) }

// Wait waits for a clean end: exit status 0 within the drain time and some.
func (s *Server) Wait() error {
	select {
	case <-s.done:
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("confab serve did not end within %s of SIGTERM\n%s", stopTimeout, s.Log()), s.Kill())
	}
	if s.err != nil {
		return fmt.Errorf("confab serve did not exit with status 0: %w\n%s", s.err, s.Log())
	}
	return nil
}

// Stop ends the server as an operator does and expects exit status 0. After
// Kill there is nothing left to do.
func (s *Server) Stop() error {
	if s.killed.Load() {
		return nil
	}
	select {
	case <-s.done:
		return s.Wait()
	default:
	}
	if err := s.Terminate(); err != nil {
		return err
	}
	return s.Wait()
}

// Kill ends the server with SIGKILL, as a power cut would, and waits for it.
func (s *Server) Kill() error {
	select {
	case <-s.done:
		return nil
	default:
	}
	s.killed.Store(true)
	err := s.Signal(syscall.SIGKILL)
	<-s.done
	return err
}

// Signal sends the process a signal, such as SIGSTOP.
func (s *Server) Signal(signal syscall.Signal) error { return syscall.Kill(s.PID(), signal) }

// PID returns the process id.
func (s *Server) PID() int {
	if pid := s.successor.Load(); pid != 0 {
		return int(pid)
	}
	return s.cmd.Process.Pid
}

// Done is closed when the process, and all that it has handed over to, have ended:
// they share its outputs.
func (s *Server) Done() <-chan struct{} { return s.done }

// Log returns what the server has written so far, to either output.
func (s *Server) Log() string { return s.log.String() }

// Run runs another command of the binary in the server's environment, on its
// data directory, and returns its standard output.
func (s *Server) Run(ctx context.Context, args ...string) ([]byte, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	//nolint:gosec // Running the program under test is what this package is for.
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(append(environment(), s.env...), "CONFAB_DATA_DIR="+s.DataDir, "CONFAB_REGION="+Region, "CONFAB_ACCOUNT_ID="+Account)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out, fmt.Errorf("confab %s: %w: %s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}

// Buffer is a bytes.Buffer that may be read while a process writes.
type Buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string { return b.From(0) }

// Len returns how many bytes were written so far.
func (b *Buffer) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Len()
}

// From returns what was written after the first n bytes.
func (b *Buffer) From(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.b.Bytes()[n:])
}
