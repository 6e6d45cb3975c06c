package kernel

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SyncQueue is a queue of the kernel for one sync at a time. It must be used by one
// goroutine at a time, and lives as long as the process.
type SyncQueue struct {
	context uintptr  // of io_setup(2)
	done    *os.File // an eventfd, which the kernel signals when the sync is done
	fd      uint32   // descriptor of done
}

const (
	oneRequest   = 1
	eventFDBytes = 8
)

// ErrNoSync means that the caller must use fsync(2) instead.
var ErrNoSync = errors.New("the kernel takes no sync of this file")

// NewSyncQueue returns a queue, or an error if the system does not support it.
func NewSyncQueue() (*SyncQueue, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	q := &SyncQueue{fd: uint32(fd), done: os.NewFile(uintptr(fd), "eventfd")}
	// It fails if Go's poller does not support the descriptor. A read would then not wait.
	if err := q.done.SetReadDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, q.done.Close())
	}
	if q.context, err = openContext(oneRequest); err != nil {
		return nil, errors.Join(err, q.done.Close())
	}
	return q, nil
}

// Sync makes the data written to the file durable. It blocks no processor while it
// waits. ErrNoSync means that the kernel cannot sync this file asynchronously.
func (q *SyncQueue) Sync(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return ErrNoSync
	}
	var errno unix.Errno
	// The descriptor stays open until the kernel has its own reference to the file.
	err = raw.Control(func(fd uintptr) {
		r := &request{opcode: opcodeFsync, file: uint32(fd), flags: flagEventFD, eventFD: q.fd}
		list := [oneRequest]*request{r}
		_, _, errno = unix.Syscall(unix.SYS_IO_SUBMIT, q.context, oneRequest, uintptr(unsafe.Pointer(&list))) //nolint:gosec // See above.
		runtime.KeepAlive(r)
	})
	if err != nil || errno != 0 {
		return ErrNoSync // If the file is at fault, fsync(2) returns the error.
	}
	var rung [eventFDBytes]byte
	if _, err := io.ReadFull(q.done, rung[:]); err != nil {
		return err
	}
	if binary.NativeEndian.Uint64(rung[:]) != oneRequest {
		return ErrNoSync
	}
	var a answer
	var now unix.Timespec // No timeout is needed: the answer has arrived.
	n, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, q.context, oneRequest, oneRequest,
		uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&now)), 0) //nolint:gosec // See above.
	switch {
	case errno != 0:
		return os.NewSyscallError("io_getevents", errno)
	case n != oneRequest:
		return ErrNoSync
	case a.result < 0:
		return &os.PathError{Op: "sync", Path: f.Name(), Err: unix.Errno(-a.result)}
	}
	return nil
}
