package kernel

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Send is a write to a non-blocking socket. It must not be changed until the call that
// submits it has returned.
type Send struct {
	FD int32
	// ID comes back with the result.
	ID uint32
	// Data is what is sent. Or Header has the pieces of it.
	Data   []byte
	Header *unix.Msghdr
}

// Sender makes many sends with one system call. It must be used by one goroutine at a time.
type Sender interface {
	// Prepare sets the i-th Send of the next call of Submit.
	Prepare(i uint32, s Send)
	// Submit submits n prepared sends and returns how many of them the kernel has taken,
	// counted from the first. If it has not taken all of them, Submit returns an error, and
	// only Take and Close may be called after that.
	Submit(n uint32) (taken uint32, err error)
	// Take returns the next result: the ID of a Send, and what the system call returned. ok is
	// false when there is none.
	Take() (id uint32, n int, errno syscall.Errno, ok bool)
	// Close releases the Sender. It must be called once.
	Close()
}

// address is that of memory that the caller keeps alive.
func address[T any](p *T) uint64 {
	return uint64(uintptr(unsafe.Pointer(p))) //nolint:gosec // System calls take addresses.
}
