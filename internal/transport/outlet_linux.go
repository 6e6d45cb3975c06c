package transport

import (
	"log/slog"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outlet writes to the sockets of a loop. System calls are raw: the sockets do not
// block, and the scheduler's work around an ordinary call adds half of the cost of
// the write.
type outlet struct {
	// vectors and header are memory for the arguments of a write.
	vectors [maxVectors]unix.Iovec
	header  unix.Msghdr
	plain   []byte // bytes gathered for TLS
	cipher  []byte // bytes encrypted by TLS
	batch   *batch // nil if each write is a system call
	log     *slog.Logger
}

// maxVectors is the maximum number of pieces of one write.
const maxVectors = 64

// write writes as much as the socket takes. A full socket is not an error.
func (o *outlet) write(fd int32, pieces [][]byte) (int, error) {
	var n uintptr
	var errno syscall.Errno
	if len(pieces) == 1 {
		p := pieces[0]
		n, _, errno = unix.RawSyscall(unix.SYS_WRITE, uintptr(fd),
			uintptr(unsafe.Pointer(&p[0])), //nolint:gosec // A raw system call takes addresses.
			uintptr(len(p)))
	} else {
		o.gather(pieces)
		n, _, errno = unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd),
			uintptr(unsafe.Pointer(o.header.Iov)), //nolint:gosec // A raw system call takes addresses.
			uintptr(o.header.Iovlen))
		o.release()
	}
	return wrote(int(n), errno)
}

// wrote returns the result of a write.
func wrote(n int, errno syscall.Errno) (int, error) {
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	default:
		return 0, errno
	}
}

// gather makes the first maxVectors pieces the arguments of a write.
func (o *outlet) gather(pieces [][]byte) {
	pieces = pieces[:min(len(pieces), maxVectors)]
	for i, p := range pieces {
		o.vectors[i].Base = &p[0]
		o.vectors[i].SetLen(len(p))
	}
	o.header.Iov = &o.vectors[0]
	o.header.SetIovlen(len(pieces))
}

// release drops the references that gather has set.
func (o *outlet) release() { clear(o.vectors[:o.header.Iovlen]) }

// join returns the pieces as one slice.
func (o *outlet) join(pieces [][]byte) []byte {
	if len(pieces) == 1 {
		return pieces[0]
	}
	o.plain = o.plain[:0]
	for _, p := range pieces {
		o.plain = append(o.plain, p...)
	}
	return o.plain
}

// writeAll implements Poller.WriteAll.
func (o *outlet) writeAll(targets []Target, pieces [][]byte, results []Result) {
	if o.batch != nil && len(targets) > 1 {
		o.batch.write(targets, pieces, results)
		return
	}
	for i := range targets {
		t, r := &targets[i], &results[i]
		switch {
		case t.Slow:
		case t.secure != nil:
			r.N, r.Full, r.Err = t.secure.Write(pieces)
		default:
			r.N, r.Err = o.write(t.FD, pieces)
			r.Full = false
		}
	}
}

// writeEach implements Poller.WriteEach.
func (o *outlet) writeEach(targets []Target, pieces [][]byte, results []Result) {
	if o.batch != nil && len(targets) > 1 {
		o.batch.writeEach(targets, pieces, results)
		return
	}
	for i := range targets {
		o.writeAll(targets[i:i+1], pieces[i:i+1], results[i:i+1])
	}
}

// writes implements Poller.Writes.
func (o *outlet) writes() string {
	if o.batch == nil {
		return "write"
	}
	return o.batch.name
}

func (o *outlet) close() {
	if o.batch != nil {
		o.batch.sender.Close()
		o.batch = nil
	}
}
