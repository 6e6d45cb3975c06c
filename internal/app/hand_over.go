package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"confab/internal/front"
)

// A hand-over replaces the process without closing its ports. The server starts
// its successor with the listeners and one end of a socket pair, on which they
// say, a line each:
//
//	successor  prepared   configuration, keys and schema are fine
//	server     take       it has stopped; the data directory is free
//	successor  serving
//
// The server then ends. A successor that ends before it serves leaves the server
// serving; one whose server ends takes over at once.
const (
	linePrepared = "prepared"
	lineTake     = "take"
	lineTakeHeld = "take held" // another process holds the main socket as well
	lineServing  = "serving"
)

// How long a successor may take to prepare itself, and to serve once it may.
const (
	prepareWithin = time.Minute
	takeWithin    = time.Minute
)

// HandOver asks Run to hand over to a successor. A hand-over that is under way
// goes on.
func (s *Server) HandOver() {
	select {
	case s.handOvers <- struct{}{}:
	default:
		s.log.LogAttrs(context.Background(), slog.LevelWarn, "A hand-over is under way already")
	}
}

// successor is the process that a server hands over to.
type successor struct {
	process *os.Process
	link    *os.File
	lines   *bufio.Reader
	errors  *lastLine
	ended   chan struct{} // closed when the process has ended
}

// startSuccessor starts this program again and waits until it is prepared.
func (s *Server) startSuccessor(ctx context.Context) (*successor, error) {
	if os.Getpid() == 1 {
		return nil, errors.New("this process is the first of its container, which ends with it; restart the container instead")
	}
	binary, err := programPath()
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	n := &successor{link: os.NewFile(uintptr(pair[0]), "successor"), ended: make(chan struct{})}
	theirs := os.NewFile(uintptr(pair[1]), "server")
	defer theirs.Close()
	stderr, write, err := os.Pipe()
	if err != nil {
		n.link.Close()
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer write.Close()
	main, admin, err := s.sockets.Duplicate()
	if err != nil {
		n.link.Close()
		stderr.Close()
		return nil, err
	}
	files, names := []uintptr{0, 1, write.Fd(), uintptr(main)}, []string{front.NameMain}
	defer unix.Close(main)
	if admin >= 0 {
		files, names = append(files, uintptr(admin)), append(names, front.NameAdmin)
		defer unix.Close(admin)
	}
	files, names = append(files, theirs.Fd(), 2), append(names, front.NameServer, front.NameErrors)
	// Not package os/exec, which makes the sockets blocking: this process uses them
	// as well.
	pid, err := syscall.ForkExec(binary, os.Args, &syscall.ProcAttr{Env: front.Environment(os.Environ(), names), Files: files})
	if err != nil {
		n.link.Close()
		stderr.Close()
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	n.lines, n.errors = bufio.NewReader(n.link), copyLines(stderr, os.Stderr)
	if n.process, err = os.FindProcess(pid); err != nil {
		return nil, err
	}
	go func() {
		n.process.Wait() //nolint:errcheck // What it said counts.
		close(n.ended)
	}()
	if err := n.await(ctx, linePrepared, prepareWithin); err != nil {
		n.kill()
		return nil, err
	}
	return n, nil
}

// await waits for a line of the successor.
func (n *successor) await(ctx context.Context, want string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	got := make(chan string, 1)
	go func() {
		line, _ := n.lines.ReadString('\n') //nolint:errcheck // An end is not what is waited for either.
		got <- strings.TrimSuffix(line, "\n")
	}()
	select {
	case line := <-got:
		if line == want {
			return nil
		}
		n.kill()
		if text := n.errors.get(); text != "" {
			return fmt.Errorf("the new process ended: %s", text)
		}
		return errors.New("the new process ended without an error message")
	case <-ctx.Done():
		return fmt.Errorf("the new process is not %s within %s: %w", want, within, ctx.Err())
	}
}

// kill ends the successor and waits for its end.
func (n *successor) kill() {
	n.process.Kill() //nolint:errcheck // It may have ended by itself.
	<-n.ended
	n.errors.wait()
	n.link.Close()
}

// stop ends the successor in good order, as whoever stops this process asks for.
func (n *successor) stop() {
	n.process.Signal(syscall.SIGTERM) //nolint:errcheck // It may have ended by itself.
	<-n.ended
	n.link.Close()
}

// errTakeBack is what Run returns when a successor failed after this server had
// stopped: it is to be built again, on the same listeners.
var errTakeBack = errors.New("the new process failed")

// TakeBack reports whether Run ended because a successor failed, so that Again
// has to replace this server.
func TakeBack(err error) bool { return errors.Is(err, errTakeBack) }

// handOver replaces this process. It reports whether the server has stopped.
func (s *Server) handOver(ctx context.Context) (stopped bool, err error) {
	s.log.LogAttrs(ctx, slog.LevelInfo, "Starting a new process to hand over to")
	s.pidFile.begin()
	n, err := s.startSuccessor(ctx)
	if err != nil {
		s.handOverFailed(ctx, err)
		return false, nil
	}
	// Until the end the listeners stay open here, for the case that it fails.
	if s.spare, err = s.sockets.Again(); err != nil {
		n.kill()
		s.handOverFailed(ctx, err)
		return false, nil
	}
	err = s.stop(true)
	line := lineTake
	if s.listeners.Held {
		line = lineTakeHeld
	}
	if _, werr := io.WriteString(n.link, line+"\n"); werr != nil {
		s.log.LogAttrs(ctx, slog.LevelDebug, "The new process does not read", slog.Any("error", werr))
	}
	if waited := n.await(ctx, lineServing, takeWithin); waited != nil {
		if ctx.Err() != nil { // This process was told to stop, and so is the new one.
			n.stop()
			return true, err
		}
		n.kill()
		s.handOverFailed(ctx, waited)
		return true, errors.Join(err, errTakeBack)
	}
	notifyManager(fmt.Sprintf("MAINPID=%d", n.process.Pid))
	if ctx.Err() != nil {
		n.stop()
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "Handed over", slog.Int("pid", n.process.Pid))
	s.spare.Close()
	return true, err
}

func (s *Server) handOverFailed(ctx context.Context, err error) {
	s.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelError, "The hand-over failed; this process continues", slog.Any("error", err))
	s.pidFile.failed(err)
}

// Again builds a server in the place of one that has stopped for a successor that
// failed.
func (s *Server) Again(ctx context.Context) (*Server, error) {
	return build(ctx, s.cfg, s.log, s.spare)
}

// programPath is the program as it was started: it may have been replaced since.
var programPath = sync.OnceValues(func() (string, error) { return exec.LookPath(os.Args[0]) })

// lastLine keeps the last line that a successor wrote on its standard error.
type lastLine struct {
	done chan struct{}
	mu   sync.Mutex // guards text
	text string
}

// copyLines copies lines from r to w until r ends, and closes r.
func copyLines(r io.ReadCloser, w io.Writer) *lastLine {
	l := &lastLine{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		defer r.Close()
		for in := bufio.NewReader(r); ; {
			line, err := in.ReadString('\n')
			if text := strings.TrimSpace(line); text != "" {
				l.mu.Lock()
				l.text = strings.TrimPrefix(text, "confab: ")
				l.mu.Unlock()
				io.WriteString(w, line) //nolint:errcheck // There is nowhere else to say it.
			}
			if err != nil {
				return
			}
		}
	}()
	return l
}

// wait waits for the end of what is copied, a moment at most: a child of the
// successor may have its standard error, too.
func (l *lastLine) wait() {
	select {
	case <-l.done:
	case <-time.After(time.Second):
	}
}

func (l *lastLine) get() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}

// prepare checks what a successor can check while its server still runs, and
// waits until that one has stopped.
func (s *Server) prepare(ctx context.Context) error {
	db, err := openStore(ctx, s.cfg, s.log, nil, true)
	if err != nil {
		return err
	}
	// It stays open until the real one is: the last that closes a SQLite database
	// folds its whole log.
	s.checked = db
	if _, err := io.WriteString(s.sockets.Server, linePrepared+"\n"); err != nil {
		return nil //nolint:nilerr // The server has ended, so this process replaces it.
	}
	read := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(s.sockets.Server).ReadString('\n') //nolint:errcheck // As above.
		read <- strings.TrimSuffix(line, "\n")
	}()
	select {
	case line := <-read:
		s.sockets.Held = line == lineTakeHeld
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the server before this one: %w", ctx.Err())
	}
}

// serving tells the server before this one, if there is one, that it may end.
func (s *Server) serving(ctx context.Context) {
	if err := s.pidFile.write(); err != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "The PID file cannot be written", slog.Any("error", err))
	}
	notifyManager("READY=1")
	if s.sockets.Server != nil {
		s.sockets.RestoreErrors()
		io.WriteString(s.sockets.Server, lineServing+"\n") //nolint:errcheck // It may have ended by itself.
		s.sockets.Server.Close()
		s.sockets.Server = nil
	}
}

// notifyManager tells systemd about this process, where it is the service manager
// (sd_notify(3)).
func notifyManager(state string) {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	conn.Write([]byte(state)) //nolint:errcheck // systemd reports what it misses.
}
