package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"golang.org/x/sys/unix"

	"confab/internal/kernel"
)

// batch writes to many sockets of an outlet with one system call.
type batch struct {
	outlet *outlet
	sender kernel.Sender
	name   string // of the system's interface, for the log
	sends  [BatchSize]send
}

// send is one of the writes that are submitted together.
type send struct {
	target int
	size   int    // bytes to write, before encryption
	sealed []byte // encrypted bytes for a secure target; the memory is reused
}

// The interfaces of the system, as the log names them.
const (
	ioURing  = "io_uring"
	ioSubmit = "io_submit"
)

// openBatch returns a batch with a Sender. It returns an error if the system does not have
// the interface or forbids it.
func openBatch[S kernel.Sender](o *outlet, name string, open func(size uint32) (S, error)) (*batch, error) {
	s, err := open(BatchSize)
	if err != nil {
		return nil, err
	}
	if err := probe(s); err != nil {
		s.Close()
		return nil, fmt.Errorf("try %s: %w", name, err)
	}
	return &batch{outlet: o, sender: s, name: name}, nil
}

// openBatches opens the best batch that the options and the system allow. It clears the options
// that cannot be used, so that they are tried and logged once.
func openBatches(e *outlet, o *Options) {
	var reason error
	if o.IOURing {
		e.batch, reason = openBatch(e, ioURing, kernel.OpenRing)
		o.IOURing = reason == nil
	}
	if o.IOSubmit && e.batch == nil {
		var err error
		e.batch, err = openBatch(e, ioSubmit, kernel.OpenWrites)
		o.IOSubmit, reason = err == nil, errors.Join(reason, err)
	}
	if reason != nil {
		o.Log.LogAttrs(context.Background(), slog.LevelInfo, "No io_uring for WebSocket connections; each write costs more", slog.String("writes", e.writes()), slog.Any("reason", reason))
	}
}

// probe checks what batches rely on: a non-blocking send is complete when it has
// been submitted, even if the socket is full.
func probe(to kernel.Sender) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	data := make([]byte, 64<<10)
	defer runtime.KeepAlive(data)
	for {
		to.Prepare(0, kernel.Send{FD: int32(pair[0]), Data: data})
		if _, err := to.Submit(1); err != nil {
			return err
		}
		switch _, n, errno, ok := to.Take(); {
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
			b.sends[n].target, b.sends[n].size = i, len(pieces[i])
			*r = Result{Err: errNotDone}
			b.sender.Prepare(n, kernel.Send{FD: t.FD, ID: n, Data: pieces[i]})
			n++
		}
	}
	b.submit(n, targets, results, func(target int) [][]byte { return pieces[target : target+1] })
	runtime.KeepAlive(pieces)
}

// submit makes the first n prepared sends and stores their results. If the system's interface
// fails, it writes what of returns for the remaining targets, and it is not used any more.
func (b *batch) submit(n uint32, targets []Target, results []Result, of func(target int) [][]byte) {
	taken, err := b.sender.Submit(n)
	for {
		i, n, errno, ok := b.sender.Take()
		if !ok {
			break
		}
		n, err := wrote(n, errno)
		b.sends[i].done(targets, results, n, err)
	}
	if err == nil {
		return
	}
	b.outlet.log.LogAttrs(context.Background(), slog.LevelWarn, "Writes to many sockets failed; each socket is written to by itself from now on", slog.String("writes", b.name), slog.Any("error", err))
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
	shared := kernel.Send{Header: &o.header}
	if len(pieces) == 1 {
		shared = kernel.Send{Data: pieces[0]}
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
			sub = kernel.Send{Data: s.sealed}
		}
		sub.FD, sub.ID = t.FD, n
		*r = Result{Err: errNotDone}
		b.sender.Prepare(n, sub)
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
var errNotDone = errors.New("the system has not said what was sent")
