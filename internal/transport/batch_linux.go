package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"confab/internal/kernel"
)

// batch writes to many sockets of an outlet with one system call, using io_uring.
type batch struct {
	outlet *outlet
	ring   *kernel.Ring
	sends  [BatchSize]send
}

// send is one of the writes that are submitted together.
type send struct {
	target int
	size   int    // bytes to write, before encryption
	sealed []byte // encrypted bytes for a secure target; the memory is reused
}

// openBatch returns an error if the system has no io_uring or forbids it.
func openBatch(o *outlet) (*batch, error) {
	r, err := kernel.OpenRing(BatchSize)
	if err != nil {
		return nil, err
	}
	if err := probe(r); err != nil {
		r.Close()
		return nil, fmt.Errorf("try io_uring: %w", err)
	}
	return &batch{outlet: o, ring: r}, nil
}

// probe checks what batches rely on: a non-blocking send is complete when it has
// been submitted, even if the socket is full.
func probe(r *kernel.Ring) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	data := make([]byte, 64<<10)
	defer runtime.KeepAlive(data)
	for {
		s := submitSend(data)
		s.FD = int32(pair[0])
		r.Prepare(0, s)
		if _, err := r.Submit(1); err != nil {
			return err
		}
		switch _, n, errno, ok := r.Take(); {
		case !ok:
			return errors.New("a send that must not wait does")
		case errno == unix.EAGAIN:
			return nil
		case errno != 0:
			return errno
		case n == 0:
			return errors.New("nothing was sent")
		}
	}
}

// write implements outlet.writeAll.
func (b *batch) write(targets []Target, pieces [][]byte, results []Result) {
	n := b.prepare(targets, pieces, results)
	b.submit(n, targets, results, func(int) [][]byte { return pieces })
	runtime.KeepAlive(pieces)
	b.outlet.release()
}

// writeEach implements outlet.writeEach.
func (b *batch) writeEach(targets []Target, pieces [][]byte, results []Result) {
	var n uint32
	for i := range targets {
		t, r := &targets[i], &results[i]
		switch {
		case t.Slow:
		case t.secure != nil:
			r.N, r.Full, r.Err = t.secure.Write(pieces[i : i+1])
		default:
			sub := submitSend(pieces[i])
			sub.FD, sub.UserData = t.FD, uint64(n)
			b.sends[n].target, b.sends[n].size = i, len(pieces[i])
			*r = Result{Err: errNotDone}
			b.ring.Prepare(n, sub)
			n++
		}
	}
	b.submit(n, targets, results, func(target int) [][]byte { return pieces[target : target+1] })
	runtime.KeepAlive(pieces)
}

// submit makes the first n prepared sends and stores their results. If io_uring fails, it
// writes what of returns for the remaining targets, and io_uring is not used any more.
func (b *batch) submit(n uint32, targets []Target, results []Result, of func(target int) [][]byte) {
	taken, err := b.ring.Submit(n)
	for {
		i, n, errno, ok := b.ring.Take()
		if !ok {
			break
		}
		n, err := wrote(n, errno)
		b.sends[i].done(targets, results, n, err)
	}
	if err == nil {
		return
	}
	b.outlet.log.LogAttrs(context.Background(), slog.LevelWarn, "Writes with io_uring failed; each socket is written to by itself from now on", slog.Any("error", err))
	b.outlet.close()
	for i := taken; i < n; i++ {
		s := &b.sends[i]
		t := &targets[s.target]
		what := of(s.target)
		if t.secure != nil {
			what = [][]byte{s.sealed}
		}
		n, err := b.outlet.write(t.FD, what)
		s.done(targets, results, n, err)
	}
}

// prepare prepares a send for each target that is not slow, and returns the number
// of sends.
func (b *batch) prepare(targets []Target, pieces [][]byte, results []Result) (n uint32) {
	o := b.outlet
	o.gather(pieces)
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	shared := kernel.Submission{Opcode: kernel.OpSendmsg, MsgFlags: sendFlags, Address: address(&o.header), Length: 1}
	if len(pieces) == 1 {
		shared = submitSend(pieces[0])
	}
	var record []byte // the pieces, joined
	for i := range targets {
		t, r := &targets[i], &results[i]
		if t.Slow {
			continue
		}
		s, sub := &b.sends[n], shared
		s.target, s.size = i, size
		if t.secure != nil {
			if size > maxRecord {
				r.N, r.Full, r.Err = t.secure.Write(pieces)
				continue
			}
			if record == nil {
				record = o.join(pieces)
			}
			var err error
			if s.sealed, err = t.secure.seal(record, s.sealed); err != nil {
				*r = Result{Err: err}
				continue
			}
			sub = submitSend(s.sealed)
		}
		sub.FD, sub.UserData = t.FD, uint64(n)
		*r = Result{Err: errNotDone}
		b.ring.Prepare(n, sub)
		n++
	}
	return n
}

// done stores the result of the send.
func (s *send) done(targets []Target, results []Result, n int, err error) {
	t, r := &targets[s.target], &results[s.target]
	*r = Result{N: n, Err: err}
	if t.secure != nil && err == nil {
		r.N, r.Full = s.size, t.secure.sent(s.sealed, n)
	}
}

// errNotDone means that the kernel has not reported the result of a write, which
// probe excludes. The write cannot be retried then.
var errNotDone = errors.New("io_uring has not said what was sent")

const sendFlags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL

// submitSend returns a send of p. p must be kept alive until the send is complete.
func submitSend(p []byte) kernel.Submission {
	return kernel.Submission{Opcode: kernel.OpSend, MsgFlags: sendFlags, Address: address(&p[0]), Length: uint32(len(p))}
}

func address[T any](p *T) uint64 {
	return uint64(uintptr(unsafe.Pointer(p))) //nolint:gosec // System calls take addresses.
}
