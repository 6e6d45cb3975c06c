package kernel

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is an io_uring (io_uring(7)): many system calls for the price of entering
// the kernel once. It belongs to one goroutine at a time.
type Ring struct {
	fd      int
	queues  []byte // what the kernel shares with us: the state of both queues, and completions
	entries []byte // the same: submissions

	submissions []Submission
	submitMask  uint32
	tail        *uint32 // behind the last submission; the kernel reads it

	completions  []completion
	completeMask uint32
	head         *uint32 // the next completion to take; the kernel reads it
	end          *uint32 // behind the last completion; the kernel writes it
}

// Submission is struct io_uring_sqe.
type Submission struct {
	Opcode   uint8
	_        uint8
	_        uint16
	FD       int32
	_        uint64
	Address  uint64
	Length   uint32
	MsgFlags uint32
	UserData uint64
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
	OpSendmsg = 9
	OpSend    = 26
)

// From linux/io_uring.h.
const (
	ringMapQueues      = 0
	ringMapSubmissions = 0x10000000
	ringSingleMap      = 1 << 0
	ringFastPoll       = 1 << 5 // since Linux 5.7, and with it all that is used here
)

// OpenRing returns a ring for so many submissions at a time, a power of two. An
// error says that the system has none, or does not let us: many containers
// forbid it.
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

// open maps what the kernel has made.
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
	size = p.submissions * uint32(unsafe.Sizeof(Submission{}))
	if r.entries, err = unix.Mmap(r.fd, ringMapSubmissions, int(size), access, kind); err != nil {
		return fmt.Errorf("map the submissions of io_uring: %w", err)
	}
	r.submissions = shared[Submission](r.entries, 0, p.submissions)
	r.submitMask = shared[uint32](r.queues, p.submit.mask, 1)[0]
	r.tail = &shared[uint32](r.queues, p.submit.tail, 1)[0]
	r.completions = shared[completion](r.queues, p.complete.entry, p.completions)
	r.completeMask = shared[uint32](r.queues, p.complete.mask, 1)[0]
	r.head = &shared[uint32](r.queues, p.complete.head, 1)[0]
	r.end = &shared[uint32](r.queues, p.complete.tail, 1)[0]
	// Submissions are taken in the order in which they lie in memory.
	for i, slots := uint32(0), shared[uint32](r.queues, p.submit.array, p.submissions); i < p.submissions; i++ {
		slots[i] = i
	}
	return nil
}

// shared returns n values that lie in memory that the kernel has mapped.
func shared[T any](memory []byte, offset, n uint32) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(&memory[offset])), n) //nolint:gosec // The kernel says what lies where.
}

// Prepare adds the i-th Submission to those that the next Submit hands over.
func (r *Ring) Prepare(i uint32, s Submission) {
	r.submissions[(*r.tail+i)&r.submitMask] = s
}

// Submit hands n prepared submissions over and returns how many of them, the
// first ones, the kernel has taken. If that is not all of them there is an error,
// and the ring is good for nothing but Take and Close.
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

// Take takes the next completion: the user data of a Submission, and what its
// system call returned. It is not ok when there is none.
func (r *Ring) Take() (userData uint64, n int, errno syscall.Errno, ok bool) {
	head := *r.head
	if head == atomic.LoadUint32(r.end) {
		return 0, 0, 0, false
	}
	c := r.completions[head&r.completeMask]
	atomic.StoreUint32(r.head, head+1)
	if c.result < 0 {
		return c.userData, 0, syscall.Errno(-c.result), true
	}
	return c.userData, int(c.result), 0, true
}

// Close gives the ring back. It comes once.
func (r *Ring) Close() {
	if r.queues != nil {
		unix.Munmap(r.queues) //nolint:errcheck // It was mapped.
	}
	if r.entries != nil {
		unix.Munmap(r.entries) //nolint:errcheck // It was mapped.
	}
	unix.Close(r.fd)
}
