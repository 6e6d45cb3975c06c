package websocket

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outlet writes to the sockets of a loop. System calls are raw: the sockets do
// not block, and what the scheduler does around other calls costs half as much
// again as a write itself.
type outlet struct {
	// vectors and header are memory for the arguments of a write.
	vectors [maxVectors]unix.Iovec
	header  unix.Msghdr
	ring    *ring // nil without io_uring
	log     *slog.Logger
}

// maxVectors is how many pieces one write takes.
const maxVectors = 64

// openRing has the outlet write to many sockets with one system call, if the
// system lets it.
func (o *outlet) openRing() error {
	r, err := openRing(writesPerYield)
	if err == nil {
		if err = probe(r); err == nil {
			o.ring = r
			return nil
		}
		r.close()
	}
	return err
}

// probe makes sure of what everything else relies on: a send that must not wait
// is done when it has been submitted, be it that the socket has no room.
func probe(r *ring) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	data := make([]byte, 64<<10)
	defer runtime.KeepAlive(data)
	for {
		r.prepare(0, submission{
			opcode: ringOpSend, msgFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL,
			fd: int32(pair[0]), address: address(&data[0]), length: uint32(len(data)),
		})
		if _, err := r.submit(1); err != nil {
			return err
		}
		switch _, n, errno, ok := r.take(); {
		case !ok:
			return errors.New("try io_uring: a send that must not wait does")
		case errno == unix.EAGAIN:
			return nil
		case errno != 0:
			return fmt.Errorf("try io_uring: %w", errno)
		case n == 0:
			return errors.New("try io_uring: a send has sent nothing")
		}
	}
}

func address[T any](p *T) uint64 {
	return uint64(uintptr(unsafe.Pointer(p))) //nolint:gosec // System calls take addresses.
}

// write writes as much as the socket takes; a full socket is no error.
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

// wrote is what has become of a write.
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

// release lets go of them.
func (o *outlet) release() { clear(o.vectors[:o.header.Iovlen]) }

// writeAll writes the same to every member that is not slow, and puts into
// results, at the member's index, what has become of it. There are at most
// writesPerYield members.
func (o *outlet) writeAll(members []member, pieces [][]byte, results []written) {
	if o.ring != nil && len(members) > 1 {
		o.submit(members, pieces, results)
		return
	}
	for i := range members {
		if m := &members[i]; !m.slow {
			results[i].n, results[i].err = o.write(m.fd, pieces)
		}
	}
}

// submit is writeAll with io_uring.
func (o *outlet) submit(members []member, pieces [][]byte, results []written) {
	s := submission{opcode: ringOpSend, msgFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL}
	if len(pieces) == 1 {
		s.address, s.length = address(&pieces[0][0]), uint32(len(pieces[0]))
	} else {
		o.gather(pieces)
		defer o.release()
		s.opcode, s.address, s.length = ringOpSendmsg, address(&o.header), 1
	}
	n := uint32(0)
	for i := range members {
		if !members[i].slow {
			s.fd, s.userData = members[i].fd, uint64(i)
			o.ring.prepare(n, s)
			n++
			results[i] = written{err: errNotDone}
		}
	}
	taken, err := o.ring.submit(n)
	runtime.KeepAlive(pieces)
	for {
		i, n, errno, ok := o.ring.take()
		if !ok {
			break
		}
		results[i].n, results[i].err = wrote(n, errno)
	}
	if err == nil {
		return
	}
	o.log.Warn("io_uring has failed; each socket is written to by itself from here on", slog.Any("error", err))
	o.ring.close()
	o.ring = nil
	for i := range members {
		if members[i].slow {
			continue
		}
		if taken > 0 {
			taken--
			continue
		}
		results[i].n, results[i].err = o.write(members[i].fd, pieces)
	}
}

// errNotDone says that the kernel has not said what has become of a write, which
// probe excludes. It cannot be repeated then.
var errNotDone = errors.New("io_uring has not said what was sent")

func (o *outlet) close() {
	if o.ring != nil {
		o.ring.close()
		o.ring = nil
	}
}
