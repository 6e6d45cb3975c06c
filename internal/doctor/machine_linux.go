package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"confab/internal/config"
	"confab/internal/kernel"
)

// clock asks the kernel whether something sets its clock.
func (m *Machine) clock(context.Context) (Finding, bool) {
	const name = "clock"
	if m.Root != "" {
		return nothing()
	}
	state, err := unix.Adjtimex(&unix.Timex{})
	if err != nil {
		return nothing() // Some containers forbid the question.
	}
	if state == unix.TIME_ERROR {
		return bad(name, "no time service sets it, so it drifts; when it is wrong by more than 5 minutes, the server refuses signed calls", "run timedatectl set-ntp true, or install chrony; for a container, do this on its host"), true
	}
	return ok(name, "a time service sets it")
}

// access says why this user cannot use a directory as the server does.
func access(dir string, info fs.FileInfo) (problem, fix string) {
	if err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); err == nil {
		return "", ""
	}
	owner := "another user"
	if stat, known := info.Sys().(*syscall.Stat_t); known {
		owner = fmt.Sprintf("user %d", stat.Uid)
	}
	return fmt.Sprintf("user %d cannot write to %s, which belongs to %s", os.Geteuid(), dir, owner),
		fmt.Sprintf("run this command as the user of the server; if that is this user, run chown -R %d %q as root", os.Geteuid(), dir)
}

// space is what is free at a directory.
func space(dir string) (bytes, inodes uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	if s.Files == 0 {
		s.Ffree = fewInodes // The file system does not count them.
	}
	return s.Bavail * uint64(s.Bsize), s.Ffree, nil
}

// ioURing tries io_uring, and finds what forbids it.
func (m *Machine) ioURing(context.Context) (Finding, bool) {
	const name = "io_uring"
	if m.Config.IOURing != config.IOURingAuto {
		return ok(name, "it is not used, because of --io-uring %s", m.Config.IOURing)
	}
	disabled, _ := m.number("proc/sys/kernel/io_uring_disabled")
	seccomp := m.field("proc/self/status", "Seccomp:", 0)
	ring, err := kernel.OpenRing(8)
	if err == nil {
		ring.Close()
		return ok(name, "the kernel allows it")
	}
	const cost = ", so each delivery costs more"
	switch {
	case disabled != 0:
		return bad(name, fmt.Sprintf("kernel.io_uring_disabled is %d%s", disabled, cost), "run sysctl -w kernel.io_uring_disabled=0, or start the server with --io-uring off"), true
	case seccomp == "2":
		return bad(name, "a seccomp filter forbids it"+cost, "allow io_uring_setup and io_uring_enter in the profile of the container (docs/production.md), or start the server with --io-uring off"), true
	}
	return bad(name, err.Error()+cost, "use Linux 5.7 or newer, or start the server with --io-uring off"), true
}
