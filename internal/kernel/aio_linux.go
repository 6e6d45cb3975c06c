package kernel

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What syncs and writes with io_submit(2) have in common: struct iocb and struct io_event, from
// linux/aio_abi.h.
type (
	request struct {
		data            uint64    // aio_data
		_               [2]uint32 // aio_key and aio_rw_flags, in the order of the machine
		opcode          uint16
		_               int16
		file            uint32
		address, length uint64 // aio_buf and aio_nbytes
		_               int64
		_               uint64
		flags, eventFD  uint32
	}
	answer struct {
		data, request uint64
		result, _     int64
	}
)

const (
	opcodePwrite  = 1 // IOCB_CMD_PWRITE
	opcodeFsync   = 2 // IOCB_CMD_FSYNC
	opcodePwritev = 8 // IOCB_CMD_PWRITEV
	flagEventFD   = 1 // IOCB_FLAG_RESFD
)

// openContext returns a context of io_setup(2) for a number of requests at a time.
func openContext(size int) (context uintptr, err error) {
	_, _, errno := unix.Syscall(unix.SYS_IO_SETUP, uintptr(size), uintptr(unsafe.Pointer(&context)), 0) //nolint:gosec // A raw system call takes addresses.
	if errno != 0 {
		return 0, os.NewSyscallError("io_setup", errno)
	}
	return context, nil
}
