package transport

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoll is the poller of a loop whose connections are sockets.
//
// A goroutine that blocks in epoll_wait keeps its processor until the scheduler
// notices. So the loop polls without blocking. If there are no events, it waits for
// the epoll descriptor itself in Go's own poller, as for any other file.
type epoll struct {
	loop    Loop
	options Options
	input   []byte // memory for reads
	fd      int
	wakeFD  int // an eventfd
	file    *os.File
	raw     syscall.RawConn
	until   time.Time // the deadline set in file
	late    bool      // that deadline has passed
	events  [128]unix.EpollEvent
	ready   int
	poll    func(uintptr) bool
	outlet  outlet
}

// bellSlot is the slot of the eventfd.
const bellSlot = -1

// inputSize is how much is read from a connection in one round: more than one
// message of the default size, and little enough that the other connections wait
// for less than a millisecond.
const inputSize = 32 << 10

// Open returns a poller for a loop. It clears those ways to write in the options that the system
// does not have, so that they are tried and logged once.
func Open(l Loop, o *Options) (Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll descriptor: %w", err)
	}
	e, err := newEpoll(fd)
	if err != nil {
		return nil, err
	}
	e.loop, e.outlet.log = l, o.Log
	openBatches(&e.outlet, o)
	e.options = *o
	return e, nil
}

// newEpoll returns a poller for an epoll descriptor. It closes the descriptor if it
// fails.
func newEpoll(fd int) (*epoll, error) {
	wakeFD, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("create an eventfd: %w", err)
	}
	e := &epoll{fd: fd, wakeFD: wakeFD, input: make([]byte, inputSize)}
	if err := e.open(); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func (e *epoll) open() error {
	// The eventfd is edge-triggered, so it need not be read.
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: bellSlot}
	if err := unix.EpollCtl(e.fd, unix.EPOLL_CTL_ADD, e.wakeFD, &ev); err != nil {
		return fmt.Errorf("watch an eventfd: %w", err)
	}
	if err := unix.SetNonblock(e.fd, true); err != nil {
		return fmt.Errorf("prepare an epoll descriptor: %w", err)
	}
	e.file = os.NewFile(uintptr(e.fd), "epoll")
	// It fails if Go's poller does not support the descriptor.
	if err := e.file.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("wait for an epoll descriptor: %w", err)
	}
	raw, err := e.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for an epoll descriptor: %w", err)
	}
	e.raw = raw
	e.poll = func(uintptr) bool { return e.ask() }
	return nil
}

// ask takes events without blocking and reports whether there are any.
func (e *epoll) ask() bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
		uintptr(unsafe.Pointer(&e.events[0])), //nolint:gosec // A raw system call takes addresses.
		uintptr(len(e.events)), 0, 0, 0)
	if errno != 0 {
		n = 0
	}
	e.ready = int(n)
	return n > 0
}

// Wait implements Poller.
func (e *epoll) Wait(sleep bool, until time.Time) {
	if !e.ask() && sleep {
		if e.late || until != e.until {
			e.until, e.late = until, false
			e.file.SetReadDeadline(until) //nolint:errcheck // It worked in open.
		}
		// Its only error is the deadline, which is handled like an event.
		if err := e.raw.Read(e.poll); errors.Is(err, os.ErrDeadlineExceeded) {
			e.late = true
		}
	}
	for range asksPerRound {
		e.handle()
		if e.ready == 0 {
			return
		}
		// Goroutines that the events have started run first, so that they need not
		// wake the loop. Input that arrives meanwhile is handled before the write.
		runtime.Gosched()
		if !e.ask() {
			return
		}
	}
	e.handle()
}

// asksPerRound bounds how often a round takes events before it writes.
const asksPerRound = 4

// handle passes the events to their connections.
func (e *epoll) handle() {
	e.loop.Woke()
	for i := range e.ready {
		if ev := &e.events[i]; ev.Fd != bellSlot {
			e.loop.Link(ev.Fd).(watched).event(ev.Events) //nolint:forcetypeassert // Only these are watched.
		}
	}
}

// Wake implements Poller.
func (e *epoll) Wake() {
	one := uint64(1)
	// It fails only when the counter is full. The loop has then been woken already.
	unix.RawSyscall(unix.SYS_WRITE, uintptr(e.wakeFD), uintptr(unsafe.Pointer(&one)), 8) //nolint:errcheck,gosec // See above; a raw system call takes addresses.
}

// WriteAll implements Poller.
func (e *epoll) WriteAll(targets []Target, pieces [][]byte, results []Result) {
	e.outlet.writeAll(targets, pieces, results)
}

// WriteEach implements Poller.
func (e *epoll) WriteEach(targets []Target, pieces [][]byte, results []Result) {
	e.outlet.writeEach(targets, pieces, results)
}

// Writes implements Poller.
func (e *epoll) Writes() string { return e.outlet.writes() }

// Close implements Poller.
func (e *epoll) Close() {
	e.outlet.close()
	if e.file != nil {
		// The file owns the descriptor: a second close could close another file.
		e.file.Close()
	} else {
		unix.Close(e.fd)
	}
	unix.Close(e.wakeFD)
}
