package telemetry

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Output writes lines to a file, pipe, socket or terminal and never waits for its reader. A
// line that the reader has room for is written before Write returns, so it is not lost when
// the process ends, however it ends. Other lines wait in a buffer, in their order. When the
// buffer is full, lines are dropped and counted. If the reader exits, lines are lost and
// the program continues.
//
// All methods may be called from any goroutine.
type Output struct {
	plain io.Writer // instead of the rest: a writer that is no file

	file     *os.File // so that its descriptor stays open
	sink     sink
	terminal bool

	mu      sync.Mutex
	pending []byte        // lines that wait, the first one perhaps in part; guarded by mu, as the rest
	drained chan struct{} // closed when pending is empty; nil while it is
	torn    bool          // the last line was lost in the middle
	dropped uint64        // lines since the last notice
	notice  func(lines uint64) []byte
}

// Unwrap returns what the output writes to, so that commands can ask whether it is a terminal.
func (o *Output) Unwrap() io.Writer {
	if o.file != nil {
		return o.file
	}
	return o.plain
}

// sink writes to a descriptor.
type sink interface {
	// write writes as much of p as the reader has room for. The error is
	// unix.EAGAIN when that is not all.
	write(p []byte) (n int, err error)
	// wait waits until there may be room, or the reader is gone.
	wait()
}

const (
	// outputBuffer is how many bytes may wait for a reader that stalls.
	outputBuffer = 1 << 20
	// pollInterval is how long one wait for the reader takes at most, and
	// retryInterval how long the next attempt waits that found room too small.
	pollInterval  = time.Second
	retryInterval = 10 * time.Millisecond
)

// linesDropped counts the lines that all outputs of the process have lost.
var linesDropped atomic.Uint64

// NewOutput returns an output to w. If w is not an *os.File, Write calls w.Write directly:
// such a writer must not block.
func NewOutput(w io.Writer) *Output {
	f, ok := w.(*os.File)
	if !ok {
		return &Output{plain: w}
	}
	o := &Output{plain: w, file: f}
	raw, err := f.SyscallConn() // File.Fd may change the mode of the descriptor.
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			o.sink, o.terminal = newSink(int(fd)), term.IsTerminal(int(fd))
		})
	}
	if err == nil {
		o.plain = nil
	}
	return o
}

// setNotice has the output say with f, once its reader is back, how many lines
// are missing.
func (o *Output) setNotice(f func(lines uint64) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notice = f
}

// Write takes one or more whole lines. It never fails: see linesDropped.
func (o *Output) Write(p []byte) (int, error) {
	if o.plain != nil {
		return o.plain.Write(p)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dropped > 0 && len(o.pending) <= outputBuffer/2 {
		o.report()
	}
	o.add(p)
	return len(p), nil
}

// add writes p or keeps it, if there is room. The caller holds o.mu.
func (o *Output) add(p []byte) {
	if o.drained != nil {
		if o.dropped > 0 || len(o.pending)+len(p) > outputBuffer {
			o.drop(p)
		} else {
			o.keep(p)
		}
		return
	}
	rest, lost := o.attempt(p)
	if lost {
		o.drop(p)
	} else {
		o.keep(rest)
	}
}

// attempt writes what the reader has room for and returns the rest, or reports
// that it cannot be written at all. The caller holds o.mu.
func (o *Output) attempt(p []byte) (rest []byte, lost bool) {
	if o.torn {
		if n, _ := o.sink.write([]byte{'\n'}); n == 1 {
			o.torn = false
		}
	}
	for len(p) > 0 {
		n, err := o.sink.write(p)
		p = p[n:]
		if errors.Is(err, unix.EAGAIN) {
			return p, false
		}
		if err != nil {
			o.torn = n > 0
			return p, true
		}
	}
	return nil, false
}

// drop counts the lines of p as lost. The caller holds o.mu.
func (o *Output) drop(p []byte) {
	lines := uint64(bytes.Count(p, []byte{'\n'}))
	o.dropped += lines
	linesDropped.Add(lines)
}

// report tells the reader, once, how many lines are missing here. The caller
// holds o.mu.
func (o *Output) report() {
	if o.notice == nil {
		o.dropped = 0
		return
	}
	notice := o.notice(o.dropped)
	if o.drained != nil {
		o.pending = append(o.pending, notice...)
		o.dropped = 0
		return
	}
	if rest, lost := o.attempt(notice); !lost {
		o.dropped = 0
		o.keep(rest)
	}
}

// keep has p written as soon as the reader has room. The caller holds o.mu.
func (o *Output) keep(p []byte) {
	if len(p) == 0 {
		return
	}
	o.pending = append(o.pending, p...)
	if o.drained == nil {
		o.drained = make(chan struct{})
		go o.drain(o.drained)
	}
}

// drain passes on what waits, until there is nothing left.
func (o *Output) drain(drained chan struct{}) {
	for {
		o.sink.wait()
		o.mu.Lock()
		before := len(o.pending)
		rest, lost := o.attempt(o.pending)
		if lost {
			o.drop(rest)
			rest = nil
		}
		o.pending = append(o.pending[:0], rest...)
		left := len(o.pending)
		if left == 0 {
			o.pending, o.drained = nil, nil
			close(drained)
			if o.dropped > 0 {
				o.report()
			}
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		if left == before {
			time.Sleep(retryInterval)
		}
	}
}

// Flush waits until nothing is left to write, at most for the time given. A
// program calls it before it exits.
func (o *Output) Flush(within time.Duration) {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	for {
		o.mu.Lock()
		drained := o.drained
		o.mu.Unlock()
		if drained == nil {
			return
		}
		select {
		case <-drained:
		case <-timeout.C:
			return
		}
	}
}

// descriptor is a sink for what is written to with write(2).
type descriptor struct {
	fd int
	// most is how many bytes one write may have: with fd in blocking mode, as many
	// as poll promises room for.
	most int
	// ready is a regular file, which poll knows nothing about.
	ready bool
}

func (d descriptor) write(p []byte) (n int, err error) {
	for n < len(p) {
		if !d.ready && !writable(d.fd, 0) {
			return n, unix.EAGAIN
		}
		m, err := unix.Write(d.fd, p[n:min(len(p), n+d.most)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

func (d descriptor) wait() { writable(d.fd, pollInterval) }

// writable waits until the descriptor can be written to, or fails at once.
func writable(fd int, within time.Duration) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(p, int(within.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && n > 0
	}
}

// regular reports whether the descriptor is a file on a disk.
func regular(mode uint32) bool { return mode&unix.S_IFMT == unix.S_IFREG }
