package transport

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"confab/internal/kernel"
)

// inContainer is set in a process that may not use io_uring.
const inContainer = "CONFAB_TEST_NO_IO_URING"

// Where a seccomp filter forbids io_uring, as in most containers, io_submit is used, and the log
// says so.
func TestIOURingForbidden(t *testing.T) {
	if os.Getenv(inContainer) != "" {
		forbid(t, unix.SYS_IO_URING_SETUP)
		var log bytes.Buffer
		o := Options{IOURing: true, IOSubmit: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
		p, err := Open(nil, &o)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if got := p.Writes(); got != ioSubmit || o.IOURing || !o.IOSubmit {
			t.Errorf("it writes with %s, and the options are %+v", got, o)
		}
		if !strings.Contains(log.String(), "writes="+ioSubmit) || !strings.Contains(log.String(), "operation not permitted") {
			t.Errorf("the log is %q", log.String())
		}
		return
	}
	w, err := kernel.OpenWrites(1)
	if err != nil {
		t.Skip(err)
	}
	w.Close()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	child.Env = append(os.Environ(), inContainer+"=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// forbid makes a system call fail with EPERM in all threads of this process.
func forbid(t *testing.T, call uint32) {
	t.Helper()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		t.Fatal(errno)
	}
}
