package front

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
)

// Addresses are the ports of a server, as HOST:PORT.
type Addresses struct {
	Main  string // --listen
	Admin string // --admin-listen; empty means no admin port
	// Loopback refuses an inherited main socket that other machines can reach.
	Loopback bool
}

// Listeners are the open ports of a server.
type Listeners struct {
	Main  net.Listener
	Admin net.Listener // nil without an admin port
	// Held reports whether another process also holds the main socket open. Connections
	// that are not accepted then wait in its backlog for the next process.
	Held bool

	opened []net.Listener // Main and Admin without wrappers
}

// Listen opens the ports at a, except those that the service manager has passed on.
// environ looks up environment variables, as os.LookupEnv does.
func Listen(ctx context.Context, a Addresses, environ func(string) (string, bool)) (*Listeners, error) {
	l, err := inherit(environ)
	if err != nil {
		return nil, err
	}
	// WebSockets are pinged and requests have deadlines. TCP keep-alives would cost four
	// system calls a connection and detect nothing more.
	lc := net.ListenConfig{KeepAlive: -1}
	if l.Main == nil {
		if l.Main, err = lc.Listen(ctx, "tcp", a.Main); err != nil {
			l.Close()
			return nil, listenError("--listen", a.Main, err)
		}
	}
	if l.Admin == nil && a.Admin != "" {
		if l.Admin, err = lc.Listen(ctx, "tcp", a.Admin); err != nil {
			l.Close()
			return nil, listenError("--admin-listen", a.Admin, err)
		}
	}
	if a.Loopback && !Loopback(l.Main) {
		l.Close()
		return nil, fmt.Errorf("the socket %s that was passed on can be reached from elsewhere; --dev takes only loopback addresses", l.Main.Addr())
	}
	l.opened = []net.Listener{l.Main}
	if l.Admin != nil {
		l.opened = append(l.opened, l.Admin)
	}
	return l, nil
}

// Close closes the ports that are open.
func (l *Listeners) Close() error {
	for _, ln := range []net.Listener{l.Main, l.Admin} {
		if ln != nil {
			ln.Close()
		}
	}
	return nil
}

// Loopback reports whether a listener is reachable from this machine only.
func Loopback(ln net.Listener) bool {
	a, ok := ln.Addr().(*net.TCPAddr)
	return !ok || a.IP.IsLoopback()
}

// listenError returns an error that names the flag to change.
func listenError(flag, address string, err error) error {
	cause := err
	if se, ok := errors.AsType[syscall.Errno](err); ok {
		cause = se
	}
	return fmt.Errorf("cannot listen on %s: %w; choose another address with %s", address, cause, flag)
}

// firstFD is the first file descriptor that systemd passes (sd_listen_fds(3)). More than
// maxFDs sockets are an error.
const (
	firstFD = 3
	maxFDs  = 16
)

// inherit takes over the sockets of systemd's socket activation: LISTEN_FDS sockets from
// descriptor 3 on, for the process LISTEN_PID, which may be missing if the parent cannot
// know it. The first socket is the main port. One that LISTEN_FDNAMES calls "admin" is
// the admin port. A server that hands over passes its sockets on in the same way; see
// Listeners.PassOn.
func inherit(environ func(string) (string, bool)) (*Listeners, error) {
	n, names, err := passed(environ)
	if err != nil {
		return nil, err
	}
	return take(names, n, func(i int) (net.Listener, error) { return fileListener(firstFD + i) })
}

// passed returns how many descriptors are passed to this process, and their names.
func passed(environ func(string) (string, bool)) (n int, names string, err error) {
	count, ok := environ("LISTEN_FDS")
	if pid, set := environ("LISTEN_PID"); !ok || set && pid != strconv.Itoa(os.Getpid()) {
		return 0, "", nil
	}
	n, err = strconv.Atoi(count)
	if err != nil || n < 0 || n > maxFDs {
		return 0, "", fmt.Errorf("LISTEN_FDS is %q; it must be the number of sockets that are passed on", count)
	}
	names, _ = environ("LISTEN_FDNAMES")
	return n, names, nil
}

// take assigns n sockets to their roles by their names, which are separated by colons.
func take(names string, n int, open func(i int) (net.Listener, error)) (*Listeners, error) {
	l := &Listeners{}
	byIndex := strings.Split(names, ":")
	for i := range n {
		name := ""
		if i < len(byIndex) {
			name = byIndex[i]
		}
		if name == nameLink {
			continue
		}
		ln, err := open(i)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("descriptor %d of LISTEN_FDS is no listening socket: %w", firstFD+i, err)
		}
		admin := name == nameAdmin
		switch {
		case admin && l.Admin == nil:
			l.Admin = ln
		case !admin && l.Main == nil:
			l.Main, l.Held = ln, name != nameNotHeld
		default:
			ln.Close()
			l.Close()
			return nil, fmt.Errorf("LISTEN_FDS passes %d sockets; there is use for one main socket and one that LISTEN_FDNAMES calls admin", n)
		}
	}
	return l, nil
}

// fileListener makes a listener from an inherited descriptor, which it closes.
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
