package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"confab/internal/config"
)

// listeners are the two doors of a server.
type listeners struct {
	main  net.Listener
	admin net.Listener // nil without an admin port
	// held says that somebody else holds the main socket open as well. Clients
	// that nobody accepts then wait in its backlog for the next process.
	held bool
}

// listen opens the ports of c, but for those that the service manager holds
// and has passed on.
func listen(ctx context.Context, c *config.Config, environ func(string) (string, bool)) (*listeners, error) {
	l, err := inherit(environ)
	if err != nil {
		return nil, err
	}
	// WebSockets are pinged and requests have deadlines; keep-alives would cost four
	// system calls a connection and find nobody.
	lc := net.ListenConfig{KeepAlive: -1}
	if l.main == nil {
		if l.main, err = lc.Listen(ctx, "tcp", c.Listen); err != nil {
			l.close()
			return nil, listenError("--listen", c.Listen, err)
		}
	}
	if l.admin == nil && c.AdminListen != config.AdminOff {
		if l.admin, err = lc.Listen(ctx, "tcp", c.AdminListen); err != nil {
			l.close()
			return nil, listenError("--admin-listen", c.AdminListen, err)
		}
	}
	if c.Dev && !local(l.main) {
		l.close()
		return nil, fmt.Errorf("the socket %s that was passed on can be reached from elsewhere; --dev takes only loopback addresses", l.main.Addr())
	}
	return l, nil
}

// close closes what ports there are.
func (l *listeners) close() error {
	for _, ln := range []net.Listener{l.main, l.admin} {
		if ln != nil {
			ln.Close()
		}
	}
	return nil
}

func local(ln net.Listener) bool {
	a, ok := ln.Addr().(*net.TCPAddr)
	return !ok || a.IP.IsLoopback()
}

// listenError says which flag to change.
func listenError(flag, address string, err error) error {
	cause := err
	if se, ok := errors.AsType[syscall.Errno](err); ok {
		cause = se
	}
	return fmt.Errorf("cannot listen on %s: %w; choose another address with %s", address, cause, flag)
}

// firstFD is the first file descriptor that systemd passes (sd_listen_fds(3)).
// More than maxFDs sockets are a mistake.
const (
	firstFD = 3
	maxFDs  = 16
)

// inherit takes over the sockets of systemd's socket activation: LISTEN_FDS of
// them from descriptor 3 on, meant for the process LISTEN_PID, which may be
// missing where the parent cannot know it. The first socket is the main port;
// one that LISTEN_FDNAMES calls "admin" is the admin port.
func inherit(environ func(string) (string, bool)) (*listeners, error) {
	count, ok := environ("LISTEN_FDS")
	if pid, set := environ("LISTEN_PID"); !ok || set && pid != strconv.Itoa(os.Getpid()) {
		return &listeners{}, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxFDs {
		return nil, fmt.Errorf("LISTEN_FDS is %q; it must be the number of sockets that are passed on", count)
	}
	names, _ := environ("LISTEN_FDNAMES")
	return take(names, n, func(i int) (net.Listener, error) { return fileListener(firstFD + i) })
}

// take gives n sockets their roles, by their names, which are separated by colons.
func take(names string, n int, open func(i int) (net.Listener, error)) (*listeners, error) {
	l := &listeners{}
	byIndex := strings.Split(names, ":")
	for i := range n {
		ln, err := open(i)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("descriptor %d of LISTEN_FDS is no listening socket: %w", firstFD+i, err)
		}
		admin := i < len(byIndex) && byIndex[i] == "admin"
		switch {
		case admin && l.admin == nil:
			l.admin = ln
		case !admin && l.main == nil:
			l.main, l.held = ln, true
		default:
			ln.Close()
			l.close()
			return nil, fmt.Errorf("LISTEN_FDS passes %d sockets; there is use for one main socket and one that LISTEN_FDNAMES calls admin", n)
		}
	}
	return l, nil
}

// fileListener makes a listener of an inherited descriptor, which it closes.
func fileListener(fd int) (net.Listener, error) {
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return nil, err
	}
	if listening == 0 {
		return nil, errors.New("it does not listen")
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	return net.FileListener(f)
}
