//go:build linux

package load

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time of a process, user and system of all threads
// it has or had. It is the sum that /proc/<pid>/stat has in hundredths, in
// nanoseconds.
func CPU(pid int) (time.Duration, error) {
	// clock_getcpuclockid(3): the complement of the id, and 2 for what the
	// scheduler counts.
	clock := int32(^uint32(pid)<<3 | 2)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("read the clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// RSS returns the resident memory of a process in bytes.
func RSS(pid int) (int64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return resident * int64(os.Getpagesize()), nil
}

// Descriptors returns how many files a process has open.
func Descriptors(pid int) (int, error) {
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return 0, fmt.Errorf("count the files of process %d: %w", pid, err)
	}
	return len(entries), nil
}

// Pinned calls f, which starts a process, on a thread that may use only the
// given core: so does the process.
func Pinned(core int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read the affinity: %w", err)
	}
	one.Set(core)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("pin to core %d: %w", core, err)
	}
	err := f()
	if back := unix.SchedSetaffinity(0, &before); err == nil && back != nil {
		err = fmt.Errorf("restore the affinity: %w", back)
	}
	return err
}

// PinSelf has the program start again on one core, with all its threads, unless
// it is there already. It returns only then, or with an error.
func PinSelf(core int) error {
	var one, have unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		return fmt.Errorf("read the affinity: %w", err)
	}
	if one.Set(core); have == one {
		return nil
	}
	path, err := os.Executable()
	if err != nil {
		return err
	}
	return Pinned(core, func() error {
		return fmt.Errorf("start again: %w", unix.Exec(path, os.Args, os.Environ()))
	})
}

// Machine describes the machine in a line: processor, cores, kernel, compiler.
func Machine() string {
	model, cores := "unknown processor", 0
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				cores++
			}
		}
	}
	var u unix.Utsname
	unix.Uname(&u) //nolint:errcheck // The field stays empty.
	return fmt.Sprintf("%s, %d cores, Linux %s, %s", model, cores, unix.ByteSliceToString(u.Release[:]), runtime.Version())
}

// Commit is the version of the source here; a star marks changes that are not in it.
func Commit() string {
	out, err := exec.CommandContext(context.Background(), "git", "describe", "--always", "--dirty=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
