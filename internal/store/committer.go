package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"confab/internal/telemetry"
)

// committer gathers writes that come at the same time into one transaction
// (group commit): callers add items to the batch that is open, and one goroutine
// writes batch after batch. While it writes one, the next one fills.
type committer[T any] struct {
	// label names the database in metrics.
	label   string
	metrics *telemetry.Metrics
	// write stores the items in one transaction.
	write func(ctx context.Context, items []T) error
	// batchItems and batchSize bound one batch, and so the time of a commit.
	batchItems, batchSize int
	// capacity bounds the sizes of all items that are not stored yet.
	capacity int
	// pace is the least time from the beginning of a commit that several callers
	// shared to the next one, which more will then share. A caller on its own does
	// not wait.
	pace time.Duration
	// keep says what becomes of a batch that cannot be written. If false, its
	// callers get the error. If true, it is tried again until it is stored; its
	// callers, and all that come until then, do not wait for that.
	keep bool
	// trouble is told, with keep, when writing begins to fail, and with nil when
	// it works again.
	trouble func(err error)
	// lost is told how many items were still not stored when the committer closed.
	lost func(n int)

	mu      sync.Mutex // guards what follows
	waiting []*batch[T]
	writing *batch[T] // taken from waiting and not yet answered for good
	size    int       // of the items in waiting and in the batch being written
	failing bool      // with keep: nobody waits for the disk
	closed  bool

	wake    chan struct{} // 1 buffered: there is something in waiting, or closed
	closing chan struct{} // closed with the committer
}

// batch is what shares one transaction.
type batch[T any] struct {
	items []T
	size  int
	// done is closed when the items are stored, or when there is nothing to wait
	// for any more. err is set before that.
	done     chan struct{}
	err      error
	released bool // done is closed; guarded by the committer's mu
}

const (
	// stallAfter is how long a commit may take, with keep, before its callers do
	// not wait for it any more.
	stallAfter = 2 * time.Second
	// The pauses between attempts, with keep.
	firstRetry, lastRetry = 50 * time.Millisecond, 5 * time.Second
)

var (
	errClosed = errors.New("the store is closed")
	errFull   = errors.New("too much is waiting to be written")
)

// start makes the channels; fields above mu are set before.
func (c *committer[T]) start() *committer[T] {
	c.wake = make(chan struct{}, 1)
	c.closing = make(chan struct{})
	return c
}

// add puts an item behind those added before and returns its batch.
func (c *committer[T]) add(item T, size int) (*batch[T], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	if c.size+size > c.capacity {
		return nil, errFull
	}
	var b *batch[T]
	if n := len(c.waiting); n > 0 {
		b = c.waiting[n-1]
	}
	// Who waits for the disk does not join a batch that was let go while it failed.
	if b == nil || b.released && !c.failing || len(b.items) >= c.batchItems || b.size+size > c.batchSize {
		b = &batch[T]{done: make(chan struct{})}
		if c.failing {
			b.release()
		}
		c.waiting = append(c.waiting, b)
	}
	b.items = append(b.items, item)
	b.size += size
	c.size += size
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return b, nil
}

// release tells the callers not to wait any more. The committer's mu is held.
func (b *batch[T]) release() {
	if !b.released {
		b.released = true
		close(b.done)
	}
}

// close ends run once everything that was added is stored, or the database has
// refused it once more.
func (c *committer[T]) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.closing)
	}
}

// run writes batches until close.
func (c *committer[T]) run() {
	var due time.Time // when the next commit may begin
	for {
		c.waitUntil(due)
		b := c.next()
		if b == nil {
			select {
			case <-c.wake:
				continue
			case <-c.closing:
			}
			// An item may have come between next and close.
			if b = c.next(); b == nil {
				return
			}
		}
		if due = (time.Time{}); len(b.items) > 1 {
			due = time.Now().Add(c.pace)
		}
		if !c.commit(b) {
			c.giveUp(b)
			return
		}
	}
}

// waitUntil waits for the time t, or for close.
func (c *committer[T]) waitUntil(t time.Time) {
	d := time.Until(t)
	if t.IsZero() || d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.closing:
	}
}

// next takes the first batch, nil when there is none.
func (c *committer[T]) next() *batch[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return nil
	}
	b := c.waiting[0]
	c.waiting[0] = nil
	c.waiting = c.waiting[1:]
	c.writing = b
	return b
}

// commit stores the batch and answers its callers. It returns false when the
// committer was closed and the batch, which should be kept, cannot be stored.
func (c *committer[T]) commit(b *batch[T]) bool {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		err := c.attempt(b)
		if err == nil || !c.keep {
			c.answer(b, err)
			return true
		}
		c.fail(b, err)
		select {
		case <-c.closing:
			return false
		case <-time.After(pause):
		}
	}
}

// attempt tries once to store the batch.
func (c *committer[T]) attempt(b *batch[T]) error {
	if c.keep {
		stalled := time.AfterFunc(stallAfter, func() { c.fail(b, errStalled) })
		defer stalled.Stop()
	}
	err := c.write(context.Background(), b.items)
	if err == nil {
		c.metrics.CommitSize.WithLabelValues(c.label).Observe(float64(len(b.items)))
	}
	return err
}

var errStalled = errors.New("a commit takes very long")

// answer tells the callers of the batch that it is written, or, with an error, that it
// will not be. Who comes from then on waits for the disk.
func (c *committer[T]) answer(b *batch[T], err error) {
	c.mu.Lock()
	b.err = err
	c.size -= b.size
	c.writing = nil
	b.release()
	failed := c.failing
	c.failing = false
	c.mu.Unlock()
	if failed && c.trouble != nil {
		c.trouble(nil)
	}
}

// fail notes, with keep, that the batch cannot be written for now, and sends away
// everybody who waits. A stall that is noticed just when the batch was answered is
// none, least of all of the next batch.
func (c *committer[T]) fail(b *batch[T], err error) {
	c.mu.Lock()
	if c.writing != b {
		c.mu.Unlock()
		return
	}
	failed := c.failing
	c.failing = true
	b.release()
	for _, w := range c.waiting {
		w.release()
	}
	c.mu.Unlock()
	if !failed && c.trouble != nil {
		c.trouble(err)
	}
}

// giveUp counts what could not be stored at the end.
func (c *committer[T]) giveUp(b *batch[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(b.items)
	b.release()
	for _, w := range c.waiting {
		n += len(w.items)
		w.release()
	}
	c.waiting, c.size = nil, 0
	c.lost(n)
}
