package background

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

// atOnce is how many syncs the kernel is asked for at the same time. Those behind
// them wait; a disk does not sync faster for more.
const atOnce = 4

// queues are those that are free; nil is one that is yet to be made.
var queues = func() chan *queue {
	free := make(chan *queue, atOnce)
	for range atOnce {
		free <- nil
	}
	return free
}()

// queue is a queue of the kernel's for one sync at a time.
type queue struct {
	context uintptr  // of io_setup(2)
	bell    *os.File // an eventfd, which the kernel rings with the answer
	fd      uint32   // the bell's
}

// The members of struct iocb and struct io_event, from linux/aio_abi.h.
type (
	request struct {
		_              uint64    // aio_data
		_              [2]uint32 // aio_key and aio_rw_flags, in the order of the machine
		opcode         uint16
		_              int16
		file           uint32
		_, _           uint64
		_              int64
		_              uint64
		flags, eventFD uint32
	}
	answer struct {
		data, request uint64
		result, _     int64
	}
)

const (
	opcodeFsync  = 2 // IOCB_CMD_FSYNC
	flagEventFD  = 1 // IOCB_FLAG_RESFD
	oneRequest   = 1
	eventFDBytes = 8
)

// errUnsupported is why a sync is done by fsync(2) after all.
var errUnsupported = errors.New("the kernel takes no sync of this file")

func sync(f *os.File) error {
	q := <-queues
	defer func() { queues <- q }()
	if q == nil {
		// It is tried again with the next sync, when this fails.
		fresh, err := newQueue()
		if err != nil {
			return f.Sync()
		}
		q = fresh
	}
	err := q.sync(f)
	if errors.Is(err, errUnsupported) {
		return f.Sync()
	}
	return err
}

func newQueue() (*queue, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	q := &queue{fd: uint32(fd), bell: os.NewFile(uintptr(fd), "eventfd")}
	// It fails if Go's poller does not take the descriptor: then nobody would wait for it.
	if err := q.bell.SetReadDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, q.bell.Close())
	}
	_, _, errno := unix.Syscall(unix.SYS_IO_SETUP, oneRequest, uintptr(unsafe.Pointer(&q.context)), 0) //nolint:gosec // A raw system call takes addresses.
	if errno != 0 {
		return nil, errors.Join(os.NewSyscallError("io_setup", errno), q.bell.Close())
	}
	return q, nil
}

// sync asks for the sync and waits for the answer.
func (q *queue) sync(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return errUnsupported
	}
	var errno unix.Errno
	// The descriptor stays open until the kernel has the file, which it then holds
	// on to by itself.
	err = raw.Control(func(fd uintptr) {
		r := &request{opcode: opcodeFsync, file: uint32(fd), flags: flagEventFD, eventFD: q.fd}
		list := [oneRequest]*request{r}
		_, _, errno = unix.Syscall(unix.SYS_IO_SUBMIT, q.context, oneRequest, uintptr(unsafe.Pointer(&list))) //nolint:gosec // See above.
		runtime.KeepAlive(r)
	})
	if err != nil || errno != 0 {
		return errUnsupported // fsync(2) says what is wrong with the file, if that is it.
	}
	var rung [eventFDBytes]byte
	if _, err := io.ReadFull(q.bell, rung[:]); err != nil {
		return err
	}
	if binary.NativeEndian.Uint64(rung[:]) != oneRequest {
		return errUnsupported
	}
	var a answer
	var now unix.Timespec // It is there.
	n, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, q.context, oneRequest, oneRequest,
		uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&now)), 0) //nolint:gosec // See above.
	switch {
	case errno != 0:
		return os.NewSyscallError("io_getevents", errno)
	case n != oneRequest:
		return errUnsupported
	case a.result < 0:
		return &os.PathError{Op: "sync", Path: f.Name(), Err: unix.Errno(-a.result)}
	}
	return nil
}
