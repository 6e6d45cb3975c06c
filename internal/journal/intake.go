package journal

import (
	"errors"
	"sync"
	"time"

	"confab/internal/chat"
)

// Intake has the frames on their way into the journal. One goroutine at a time writes those that
// wait, together: that of a sender, so that no other one has to wake up for a frame, or Run's.
//
//	working  a caller waits until its frame is written
//	stalled  a write takes longer than stallAfter: no caller waits for it, neither present nor
//	         new ones. The sender whose goroutine writes waits nevertheless.
//
// Its methods are safe for concurrent use.
type Intake struct {
	store   func(frames []*chat.Frame)
	trouble func(err error)

	turn    chan struct{} // 1 buffered: it has a token while frames are written
	wake    chan struct{} // 1 buffered: Run shall write
	closing chan struct{} // closed by Close

	mu      sync.Mutex // guards what follows
	waiting []*chat.Frame
	spare   []*chat.Frame // the memory of frames that were written
	// done is closed when the frames that wait are written; nil if no caller waits for them.
	done chan struct{}
	// writing is the done of the frames that are written, and began is when that began.
	writing chan struct{}
	began   time.Time
	watch   *time.Timer // calls stall
	stalled bool
	closed  bool
}

// stallAfter is after how long a write releases those who wait for it.
const stallAfter = 2 * time.Second

var errStalled = errors.New("a write to the journal takes very long")

// NewIntake returns an intake that writes with store, while Run runs. trouble is called when a
// write stalls, and with nil when it has ended.
func NewIntake(store func([]*chat.Frame), trouble func(error)) *Intake {
	in := &Intake{store: store, trouble: trouble, turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), closing: make(chan struct{})}
	in.watch = time.AfterFunc(time.Hour, in.stall)
	in.watch.Stop()
	return in
}

// Add adds a frame. The channel is closed when it is written, for which Write or WakeUp must be
// called.
func (in *Intake) Add(f *chat.Frame) (<-chan struct{}, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return nil, ErrClosed
	}
	in.waiting = append(in.waiting, f)
	if in.stalled {
		return released, nil
	}
	if in.done == nil {
		in.done = make(chan struct{})
	}
	return in.done, nil
}

// WakeUp makes Run write.
func (in *Intake) WakeUp() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// Write writes the frames that wait, unless another goroutine writes: that one sees to them.
func (in *Intake) Write() {
	select {
	case in.turn <- struct{}{}:
	default:
		return
	}
	in.writeOnce()
	<-in.turn
	// What came since is not for this goroutine to write, which would keep its own sender waiting.
	in.mu.Lock()
	more := len(in.waiting) > 0
	in.mu.Unlock()
	if more {
		in.WakeUp()
	}
}

// Run writes what other goroutines leave, until Close.
func (in *Intake) Run() {
	for last := false; !last; {
		select {
		case <-in.wake:
		case <-in.closing:
			last = true
		}
		in.turn <- struct{}{}
		for in.writeOnce() {
		}
		<-in.turn
	}
}

// Close ends Run when all that was added is written. Add fails after it.
func (in *Intake) Close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.closed {
		in.closed = true
		close(in.closing)
	}
}

// writeOnce writes the frames that wait now, and reports whether there were any. The caller
// has the turn.
func (in *Intake) writeOnce() bool {
	in.mu.Lock()
	frames := in.waiting
	if len(frames) == 0 {
		in.mu.Unlock()
		return false
	}
	in.waiting, in.spare = in.spare, nil
	in.writing, in.done = in.done, nil
	in.began = time.Now()
	in.watch.Reset(stallAfter)
	in.mu.Unlock()

	in.store(frames)

	in.mu.Lock()
	in.watch.Stop()
	if in.writing != nil {
		close(in.writing)
	}
	recovered := in.stalled
	in.writing, in.began, in.stalled = nil, time.Time{}, false
	clear(frames)
	if cap(frames) <= mostSpare {
		in.spare = frames[:0]
	}
	in.mu.Unlock()
	if recovered {
		in.trouble(nil)
	}
	return true
}

// mostSpare bounds the memory that is kept for frames that wait.
const mostSpare = 1024

// stall releases those who wait, if a write takes too long. A call that comes too late for its
// write does not count for the next one.
func (in *Intake) stall() {
	in.mu.Lock()
	if in.stalled || in.began.IsZero() || time.Since(in.began) < stallAfter {
		in.mu.Unlock()
		return
	}
	in.stalled = true
	for _, done := range []chan struct{}{in.writing, in.done} {
		if done != nil {
			close(done)
		}
	}
	in.writing, in.done = nil, nil
	in.mu.Unlock()
	in.trouble(errStalled)
}

// released is a closed channel.
var released = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
