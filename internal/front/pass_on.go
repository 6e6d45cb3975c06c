package front

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Names of descriptors in LISTEN_FDNAMES. nameNotHeld is a main socket that only the
// previous server holds. nameLink is the link to that server.
const (
	nameAdmin   = "admin"
	nameHeld    = "main"
	nameNotHeld = "confab-main"
	nameLink    = "confab-link"
)

// Duplicate returns a second set of the ports of l, not wrapped. They stay open when l is
// closed, and connections wait in their backlogs meanwhile.
func (l *Listeners) Duplicate() (*Listeners, error) {
	d := &Listeners{Held: l.Held}
	for i, ln := range l.opened {
		fd, err := duplicate(ln)
		if err != nil {
			d.Close()
			return nil, err
		}
		second, err := fileListener(fd)
		if err != nil {
			d.Close()
			return nil, fmt.Errorf("duplicate the socket %s: %w", ln.Addr(), err)
		}
		d.opened = append(d.opened, second)
		if i == 0 {
			d.Main = second
		} else {
			d.Admin = second
		}
	}
	return d, nil
}

// duplicate returns a second descriptor of a listener. It keeps the socket non-blocking,
// unlike (*net.TCPListener).File and os/exec, because this process still accepts from it.
func duplicate(ln net.Listener) (fd int, err error) {
	conn, ok := ln.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("the listener %s has no descriptor", ln.Addr())
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	dup := func(from uintptr) { fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) }
	if control := raw.Control(dup); control != nil {
		return -1, control
	}
	if err != nil {
		return -1, fmt.Errorf("duplicate the socket %s: %w", ln.Addr(), err)
	}
	return fd, nil
}

// PassOn starts a program with the ports of l and with link, as Listen and Link expect
// them, and with the standard files of this process. It returns the id of the new
// process.
func (l *Listeners) PassOn(path string, args []string, link int) (pid int, err error) {
	files, names := []uintptr{0, 1, 2}, []string{nameNotHeld, nameAdmin}[:len(l.opened)]
	if l.Held {
		names[0] = nameHeld
	}
	for _, ln := range l.opened {
		fd, err := duplicate(ln)
		if err != nil {
			return 0, err
		}
		defer unix.Close(fd)
		files = append(files, uintptr(fd))
	}
	files, names = append(files, uintptr(link)), append(names, nameLink)
	//nolint:gosec // It is this program itself.
	return syscall.ForkExec(path, args, &syscall.ProcAttr{Env: passOnEnvironment(os.Environ(), names), Files: files})
}

// passOnEnvironment returns the environment of a process that gets descriptors with these
// names. LISTEN_PID is omitted, because the id is unknown before the process starts.
func passOnEnvironment(environ, names []string) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "LISTEN_FDS" || name == "LISTEN_PID" || name == "LISTEN_FDNAMES"
	})
	return append(env, "LISTEN_FDS="+strconv.Itoa(len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
}

// Link returns the link to the server that started this process with PassOn, or nil if
// there is none. It must be called once, before Listen. environ is as for Listen.
func Link(environ func(string) (string, bool)) *os.File {
	n, names, err := passed(environ)
	i := slices.Index(strings.Split(names, ":"), nameLink)
	if err != nil || i < 0 || i >= n { // Listen reports the error.
		return nil
	}
	fd := firstFD + i
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil { // So that Close ends a Read.
		return nil
	}
	return os.NewFile(uintptr(fd), "link")
}
