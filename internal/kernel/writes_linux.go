package kernel

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Writes is a Sender that uses io_submit(2). A write to a non-blocking socket is complete when
// the call returns.
type Writes struct {
	context  uintptr   // of io_setup(2)
	requests []request // by their index
	list     []*request
	answers  []answer
	taken    int // answers that Take has returned
	arrived  int // answers of the last call of Submit
}

// OpenWrites returns a Sender for size sends at a time. It returns an error if the system does
// not support io_submit(2), or if all processes together have too many contexts.
func OpenWrites(size uint32) (*Writes, error) {
	context, err := openContext(int(size))
	if err != nil {
		return nil, err
	}
	w := &Writes{context: context, requests: make([]request, size), list: make([]*request, size), answers: make([]answer, size)}
	for i := range w.list {
		w.list[i] = &w.requests[i]
	}
	return w, nil
}

// Prepare implements Sender.
func (w *Writes) Prepare(i uint32, s Send) {
	r := &w.requests[i]
	r.data, r.file = uint64(s.ID), uint32(s.FD)
	if s.Header != nil {
		r.opcode, r.address, r.length = opcodePwritev, address(s.Header.Iov), uint64(s.Header.Iovlen) //nolint:unconvert // It has 32 bits on some machines.
		return
	}
	r.opcode, r.address, r.length = opcodePwrite, address(&s.Data[0]), uint64(len(s.Data))
}

// Submit implements Sender.
func (w *Writes) Submit(n uint32) (taken uint32, err error) {
	for taken < n && err == nil {
		some, _, errno := unix.RawSyscall(unix.SYS_IO_SUBMIT, w.context, uintptr(n-taken),
			uintptr(unsafe.Pointer(&w.list[taken]))) //nolint:gosec // A raw system call takes addresses.
		if errno != 0 || some == 0 {
			err = fmt.Errorf("submit writes with io_submit: %w", errno)
			break
		}
		taken += uint32(some)
	}
	w.taken, w.arrived = 0, 0
	if taken == 0 {
		return taken, err
	}
	var now unix.Timespec // No timeout is needed: the answers have arrived.
	got, _, errno := unix.RawSyscall6(unix.SYS_IO_GETEVENTS, w.context, 0, uintptr(taken),
		uintptr(unsafe.Pointer(&w.answers[0])), uintptr(unsafe.Pointer(&now)), 0) //nolint:gosec // As above.
	if errno != 0 {
		return taken, fmt.Errorf("take the results of io_submit: %w", errno)
	}
	w.arrived = int(got)
	return taken, err
}

// Take implements Sender.
func (w *Writes) Take() (id uint32, n int, errno syscall.Errno, ok bool) {
	if w.taken == w.arrived {
		return 0, 0, 0, false
	}
	a := &w.answers[w.taken]
	w.taken++
	if a.result < 0 {
		return uint32(a.data), 0, syscall.Errno(-a.result), true
	}
	return uint32(a.data), int(a.result), 0, true
}

// Close implements Sender.
func (w *Writes) Close() {
	unix.Syscall(unix.SYS_IO_DESTROY, w.context, 0, 0) //nolint:errcheck // It was set up.
}
