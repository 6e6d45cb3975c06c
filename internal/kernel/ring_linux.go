package kernel

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is a Sender that uses io_uring (io_uring(7)): it makes many system calls for the
// price of entering the kernel once.
type Ring struct {
	fd      int
	queues  []byte // memory shared with the kernel: the state of both queues, and completions
	entries []byte // memory shared with the kernel: submissions

	submissions []submission
	submitMask  uint32
	tail        *uint32 // index after the last submission; the kernel reads it

	completions  []completion
	completeMask uint32
	head         *uint32 // index of the next completion to take; the kernel reads it
	end          *uint32 // index after the last completion; the kernel writes it
}

// submission is struct io_uring_sqe.
type submission struct {
	opcode   uint8
	_        uint8
	_        uint16
	fd       int32
	_        uint64
	address  uint64
	length   uint32
	msgFlags uint32
	userData uint64
	_        [24]byte
}

// completion is struct io_uring_cqe.
type completion struct {
	userData uint64
	result   int32
	_        uint32
}

// ringParams is struct io_uring_params.
type ringParams struct {
	submissions, completions uint32
	flags                    uint32
	thread                   [2]uint32
	features                 uint32
	_                        [4]uint32
	submit                   struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	complete struct {
		head, tail, mask, entries, overflow, entry, flags, _ uint32
		_                                                    uint64
	}
}

// The operations that are used, from linux/io_uring.h.
const (
	opSendmsg = 9
	opSend    = 26
)

const sendFlags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL

// From linux/io_uring.h.
const (
	ringMapQueues      = 0
	ringMapSubmissions = 0x10000000
	ringSingleMap      = 1 << 0
	ringFastPoll       = 1 << 5 // since Linux 5.7, which has everything that is used here
)

// OpenRing returns a ring for size submissions at a time; size is a power of two.
// It returns an error if the system has no io_uring or forbids it, as many
// containers do.
func OpenRing(size uint32) (*Ring, error) {
	var p ringParams
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(size),
		uintptr(unsafe.Pointer(&p)), 0) //nolint:gosec // A raw system call takes addresses.
	if errno != 0 {
		return nil, fmt.Errorf("set up io_uring: %w", errno)
	}
	r := &Ring{fd: int(fd)}
	if err := r.open(&p); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// open maps the memory of the ring that the kernel has created.
func (r *Ring) open(p *ringParams) error {
	if p.features&ringFastPoll == 0 || p.features&ringSingleMap == 0 {
		return errors.New("set up io_uring: it takes Linux 5.7")
	}
	const access, kind = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	size := max(p.submit.array+4*p.submissions, p.complete.entry+p.completions*uint32(unsafe.Sizeof(completion{})))
	var err error
	if r.queues, err = unix.Mmap(r.fd, ringMapQueues, int(size), access, kind); err != nil {
		return fmt.Errorf("map the queues of io_uring: %w", err)
	}
	size = p.submissions * uint32(unsafe.Sizeof(submission{}))
	if r.entries, err = unix.Mmap(r.fd, ringMapSubmissions, int(size), access, kind); err != nil {
		return fmt.Errorf("map the submissions of io_uring: %w", err)
	}
	r.submissions = shared[submission](r.entries, 0, p.submissions)
	r.submitMask = shared[uint32](r.queues, p.submit.mask, 1)[0]
	r.tail = &shared[uint32](r.queues, p.submit.tail, 1)[0]
	r.completions = shared[completion](r.queues, p.complete.entry, p.completions)
	r.completeMask = shared[uint32](r.queues, p.complete.mask, 1)[0]
	r.head = &shared[uint32](r.queues, p.complete.head, 1)[0]
	r.end = &shared[uint32](r.queues, p.complete.tail, 1)[0]
	// The kernel takes submissions in the order in which they are in memory.
	for i, slots := uint32(0), shared[uint32](r.queues, p.submit.array, p.submissions); i < p.submissions; i++ {
		slots[i] = i
	}
	return nil
}

// shared returns n values of memory that is shared with the kernel.
func shared[T any](memory []byte, offset, n uint32) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(&memory[offset])), n) //nolint:gosec // The kernel says what lies where.
}

// Prepare implements Sender.
func (r *Ring) Prepare(i uint32, s Send) {
	to := &r.submissions[(*r.tail+i)&r.submitMask]
	*to = submission{opcode: opSend, fd: s.FD, msgFlags: sendFlags, userData: uint64(s.ID)}
	if s.Header != nil {
		to.opcode, to.address, to.length = opSendmsg, address(s.Header), 1
		return
	}
	to.address, to.length = address(&s.Data[0]), uint32(len(s.Data))
}

// Submit implements Sender.
func (r *Ring) Submit(n uint32) (taken uint32, err error) {
	atomic.StoreUint32(r.tail, *r.tail+n)
	for taken < n {
		some, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n-taken), 0, 0, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return taken, fmt.Errorf("submit to io_uring: %w", errno)
		case some == 0:
			return taken, errors.New("submit to io_uring: it takes nothing")
		default:
			taken += uint32(some)
		}
	}
	return taken, nil
}

// Take implements Sender.
func (r *Ring) Take() (id uint32, n int, errno syscall.Errno, ok bool) {
	head := *r.head
	if head == atomic.LoadUint32(r.end) {
		return 0, 0, 0, false
	}
	c := r.completions[head&r.completeMask]
	atomic.StoreUint32(r.head, head+1)
	if c.result < 0 {
		return uint32(c.userData), 0, syscall.Errno(-c.result), true
	}
	return uint32(c.userData), int(c.result), 0, true
}

// Close implements Sender.
func (r *Ring) Close() {
	if r.queues != nil {
		unix.Munmap(r.queues) //nolint:errcheck // It was mapped.
	}
	if r.entries != nil {
		unix.Munmap(r.entries) //nolint:errcheck // It was mapped.
	}
	unix.Close(r.fd)
}
