package sqldb

import (
	"context"
	"errors"
	"sync"
	"time"

	"confab/internal/telemetry"
)

// Committer gathers writes that come at the same time into one transaction
// (group commit): callers add items to the batch that is open, and one goroutine
// writes batch after batch. While it writes one, the next one fills.
type Committer[T any] struct {
	// Label names the database in metrics.
	Label   string
	Metrics *telemetry.Metrics
	// Write stores the items in one transaction.
	Write func(ctx context.Context, items []T) error
	// BatchItems and batchSize bound one batch, and so the time of a commit.
	BatchItems, BatchSize int
	// Capacity bounds the sizes of all items that are not stored yet.
	Capacity int
	// Pace is the least time from the beginning of a commit that several callers
	// shared to the next one, which more will then share. A caller on its own does
	// not wait.
	Pace time.Duration
	// Keep says what becomes of a batch that cannot be written. If false, its
	// callers get the error. If true, it is tried again until it is stored; its
	// callers, and all that come until then, do not wait for that.
	Keep bool
	// Trouble is told, with keep, when writing begins to fail, and with nil when
	// it works again.
	Trouble func(err error)
	// Lost is told how many items were still not stored when the committer closed.
	Lost func(n int)

	mu      sync.Mutex // guards what follows
	waiting []*Batch[T]
	writing *Batch[T] // taken from waiting and not yet answered for good
	size    int       // of the items in waiting and in the batch being written
	failing bool      // with keep: nobody waits for the disk
	closed  bool

	wake    chan struct{} // 1 buffered: there is something in waiting, or closed
	closing chan struct{} // closed with the committer
}

// Batch is what shares one transaction.
type Batch[T any] struct {
	items []T
	size  int
	// Done is closed when the items are stored, or when there is nothing to wait
	// for any more. Err is set before that.
	Done     chan struct{}
	Err      error
	released bool // Done is closed; guarded by the committer's mu
}

const (
	// stallAfter is how long a commit may take, with keep, before its callers do
	// not wait for it any more.
	stallAfter = 2 * time.Second
	// The pauses between attempts, with keep.
	firstRetry, lastRetry = 50 * time.Millisecond, 5 * time.Second
)

var (
	ErrClosed = errors.New("the store is closed")
	errFull   = errors.New("too much is waiting to be written")
)

// Start makes the channels; fields above mu are set before.
func (c *Committer[T]) Start() *Committer[T] {
	c.wake = make(chan struct{}, 1)
	c.closing = make(chan struct{})
	return c
}

// Add puts an item behind those added before and returns its batch.
func (c *Committer[T]) Add(item T, size int) (*Batch[T], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.size+size > c.Capacity {
		return nil, errFull
	}
	var b *Batch[T]
	if n := len(c.waiting); n > 0 {
		b = c.waiting[n-1]
	}
	// Who waits for the disk does not join a batch that was let go while it failed.
	if b == nil || b.released && !c.failing || len(b.items) >= c.BatchItems || b.size+size > c.BatchSize {
		b = &Batch[T]{Done: make(chan struct{})}
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
func (b *Batch[T]) release() {
	if !b.released {
		b.released = true
		close(b.Done)
	}
}

// Close ends Run once everything that was added is stored, or the database has
// refused it once more.
func (c *Committer[T]) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.closing)
	}
}

// Run writes batches until Close.
func (c *Committer[T]) Run() {
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
			due = time.Now().Add(c.Pace)
		}
		if !c.commit(b) {
			c.giveUp(b)
			return
		}
	}
}

// waitUntil waits for the time t, or for close.
func (c *Committer[T]) waitUntil(t time.Time) {
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
func (c *Committer[T]) next() *Batch[T] {
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
func (c *Committer[T]) commit(b *Batch[T]) bool {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		err := c.attempt(b)
		if err == nil || !c.Keep {
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
func (c *Committer[T]) attempt(b *Batch[T]) error {
	if c.Keep {
		stalled := time.AfterFunc(stallAfter, func() { c.fail(b, errStalled) })
		defer stalled.Stop()
	}
	err := c.Write(context.Background(), b.items)
	if err == nil {
		c.Metrics.CommitSize.WithLabelValues(c.Label).Observe(float64(len(b.items)))
	}
	return err
}

var errStalled = errors.New("a commit takes very long")

// answer tells the callers of the batch that it is written, or, with an error, that it
// will not be. Who comes from then on waits for the disk.
func (c *Committer[T]) answer(b *Batch[T], err error) {
	c.mu.Lock()
	b.Err = err
	c.size -= b.size
	c.writing = nil
	b.release()
	failed := c.failing
	c.failing = false
	c.mu.Unlock()
	if failed && c.Trouble != nil {
		c.Trouble(nil)
	}
}

// fail notes, with keep, that the batch cannot be written for now, and sends away
// everybody who waits. A stall that is noticed just when the batch was answered is
// none, least of all of the next batch.
func (c *Committer[T]) fail(b *Batch[T], err error) {
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
	if !failed && c.Trouble != nil {
		c.Trouble(err)
	}
}

// giveUp counts what could not be stored at the end.
func (c *Committer[T]) giveUp(b *Batch[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(b.items)
	b.release()
	for _, w := range c.waiting {
		n += len(w.items)
		w.release()
	}
	c.waiting, c.size = nil, 0
	c.Lost(n)
}
