package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"confab/internal/front"
)

// A hand-over replaces the process without closing its ports. The server starts
// its successor with the ports and one end of a socket pair, the link, on which
// each tells the other how far it is, a line each:
//
//	successor  prepared       what can be checked beside a running server is fine
//	server     accept         it does not accept connections any more
//	server     take           it has stopped; the data directory is free
//	successor  serving        the server may end
//	successor  failed REASON  instead of one of its lines; it ends
//
// A successor that fails before it serves does not end the service: the server still
// serves, or takes its service back. A successor whose server ends takes over at
// once.
const (
	linePrepared = "prepared"
	lineAccept   = "accept"
	lineTake     = "take"
	lineServing  = "serving"
	lineFailed   = "failed "
)

// The time limits of a successor: to prepare, and then to serve after the server has
// stopped.
const (
	prepareWithin = time.Minute
	takeWithin    = 30 * time.Second
)

// HandOver asks Run to replace this process by a successor, and returns at once. A call
// during a hand-over has an effect only if that hand-over fails: then another one begins.
func (s *Server) HandOver() {
	select {
	case s.handOvers <- struct{}{}:
	default:
	}
}

// TakeBackError is what Run returns when the successor failed after the server had stopped
// for it. Its method TakeBack makes a server that continues.
type TakeBackError struct {
	server  *Server
	ports   *front.Listeners
	pidFile *pidFile
	cause   error
}

func (e *TakeBackError) Error() string { return e.cause.Error() }

func (e *TakeBackError) Unwrap() error { return e.cause }

// TakeBack makes a server that replaces the stopped one, on the same ports and with
// the same configuration and certificate.
func (e *TakeBackError) TakeBack(ctx context.Context) (*Server, error) {
	s := newServer(ctx, e.server.cfg, e.server.log)
	s.listeners, s.cert, s.pidFile = e.ports, e.server.cert, e.pidFile
	s, err := s.built(ctx)
	if err != nil {
		return nil, fmt.Errorf("serve again after a hand-over that failed (%w): %w", e.cause, err)
	}
	s.handOverFailed(ctx, e.cause)
	return s, nil
}

// handOver replaces this process. It reports whether the server has stopped.
func (s *Server) handOver(ctx context.Context) (stopped bool, err error) {
	s.log.LogAttrs(ctx, slog.LevelInfo, "Starting a new process to hand over to")
	s.pidFile.begin()
	notifyManager(notifyReloading, monotonic())
	n, err := s.startSuccessor(ctx)
	if err != nil {
		s.handOverFailed(ctx, err)
		notifyManager(notifyReady)
		return false, nil
	}
	defer n.link.Close()
	// The ports stay open here in case the hand-over fails, and so does the PID file.
	ports, err := s.listeners.Duplicate()
	if err != nil {
		n.end(syscall.SIGKILL)
		s.handOverFailed(ctx, err)
		notifyManager(notifyReady)
		return false, nil
	}
	pidFile := s.pidFile
	s.pidFile = nil
	if err := s.stop(n.link); err != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "The stop before the hand-over was not clean", slog.Any("error", err))
	}
	err = n.await(ctx, lineServing, takeWithin)
	switch {
	case err == nil:
		notifyManager(notifyMainPID+strconv.Itoa(n.process.Pid), notifyStatus, notifyReady)
		s.log.LogAttrs(ctx, slog.LevelInfo, "Handed over", slog.Int("pid", n.process.Pid))
	case ctx.Err() != nil: // This process must stop, and so must the new one.
		n.end(syscall.SIGTERM)
	default:
		n.end(syscall.SIGKILL)
		return true, &TakeBackError{server: s, ports: ports, pidFile: pidFile, cause: err}
	}
	pidFile.close()
	return true, ports.Close()
}

// handOverFailed logs why this process continues, and tells confab restart. It does
// nothing if the process must stop.
func (s *Server) handOverFailed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.log.LogAttrs(ctx, slog.LevelError, "The hand-over failed; this process continues", slog.Any("error", err))
		notifyManager(notifyStatus + "The last hand-over failed: " + oneLine(err))
		s.pidFile.failed(err)
	}
}

// oneLine returns the text of err without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// successor is the process that replaces this one.
type successor struct {
	process *os.Process
	link    *link
	ended   chan struct{} // closed when the process has ended
	state   string        // how it ended; valid once ended is closed
}

// startSuccessor starts this program again and waits until it is prepared.
func (s *Server) startSuccessor(ctx context.Context) (*successor, error) {
	if err := supervised(os.Getpid(), os.Getenv); err != nil {
		return nil, err
	}
	// The file may have been replaced since this process started.
	path, err := exec.LookPath(os.Args[0])
	if err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	syscall.ForkLock.RLock() // Not every system can create sockets with close-on-exec.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	if err := unix.SetNonblock(pair[0], true); err != nil { // Close then ends a Read.
		return nil, err
	}
	ours := newLink(os.NewFile(uintptr(pair[0]), "link"))
	pid, err := s.listeners.PassOn(path, os.Args, pair[1])
	unix.Close(pair[1])
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	n := &successor{link: ours, ended: make(chan struct{})}
	if n.process, err = os.FindProcess(pid); err != nil { // It never fails on Unix.
		ours.Close()
		return nil, err
	}
	go func() {
		defer close(n.ended)
		if state, err := n.process.Wait(); err == nil {
			n.state = state.String()
		}
	}()
	if err := n.await(ctx, linePrepared, prepareWithin); err != nil {
		n.end(syscall.SIGKILL)
		ours.Close()
		return nil, err
	}
	return n, nil
}

// supervised refuses a hand-over if the end of this process ends its service, and
// with it the successor. systemd can be told which process is the service's now.
func supervised(pid int, environ func(string) string) error {
	switch strconv.Itoa(pid) {
	case "1":
		return errors.New("this process is the first of its container, which ends with it; restart the container instead")
	case environ("SYSTEMD_EXEC_PID"):
		if environ("NOTIFY_SOCKET") == "" {
			return errors.New("systemd supervises this process, and its unit does not take notifications; set Type=notify there, or run systemctl restart with a socket unit that holds the ports")
		}
	}
	return nil
}

// await waits for a line of the successor. The error is why it did not come.
func (n *successor) await(ctx context.Context, want string, within time.Duration) error {
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case line, open := <-n.link.lines:
		if reason, failed := strings.CutPrefix(line, lineFailed); failed {
			n.end(syscall.SIGTERM) // It ends by itself.
			return fmt.Errorf("the new process failed: %s", reason)
		}
		if open && line == want {
			return nil
		}
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return fmt.Errorf("the new process was not %s within %s", want, within)
	}
	n.end(syscall.SIGKILL)
	return fmt.Errorf("the new process ended before it was %s: %s", want, n.state)
}

// end ends the successor and waits for its exit.
func (n *successor) end(signal syscall.Signal) {
	n.process.Signal(signal) //nolint:errcheck // It may have ended by itself.
	select {
	case <-n.ended:
	case <-time.After(takeWithin):
		n.process.Kill() //nolint:errcheck // As above.
		<-n.ended
	}
}
