package sqldb

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Committer gathers concurrent writes into one transaction (group commit). Callers
// add items to the open batch, and one goroutine writes batch after batch. While it
// writes one, the next one fills. A batch that cannot be written fails for its
// callers; Spool keeps and retries it.
type Committer[T any] struct {
	o Commits[T]

	mu      sync.Mutex // guards what follows
	waiting []*batch[T]
	writing *batch[T] // removed from waiting, its callers not released yet
	size    int       // of the items that are not stored yet
	closed  bool

	wake    chan struct{} // 1 buffered: waiting is not empty, or closed is set
	closing chan struct{} // closed with the committer
}

// Commits configure a Committer. Fields without a comment are required.
type Commits[T any] struct {
	// Label names the database in metrics.
	Label   string
	Metrics *Metrics
	// Write stores the items in one transaction.
	Write func(ctx context.Context, items []T) error
	// BatchItems and BatchSize bound one batch, and so the time of a commit.
	BatchItems, BatchSize int
	// Capacity bounds the sizes of all items that are not stored yet.
	Capacity int
	// Gather is the least time from the start of a commit to the next one. So items that come
	// more often share commits; one after a pause does not wait. It may be 0. Hurry, if set,
	// ends the wait.
	Gather time.Duration
	Hurry  <-chan struct{}
}

// batch is the items of one transaction.
type batch[T any] struct {
	items []T
	size  int
	// done is closed when the items are stored or have failed, or when their callers
	// are released early. err is set before that.
	done     chan struct{}
	err      error
	released bool // done is closed; guarded by the committer's mu
}

// The errors with which a Committer refuses an item.
var (
	ErrClosed = errors.New("the store is closed")
	ErrFull   = errors.New("too much is waiting to be written")
)

// NewCommitter returns a committer. It writes while Run runs.
func NewCommitter[T any](o Commits[T]) *Committer[T] {
	return &Committer[T]{o: o, wake: make(chan struct{}, 1), closing: make(chan struct{})}
}

// Commit stores the item, together with others, and returns when it is stored. ctx ends
// only the wait. The committer owns the item until Commit has returned nil or a database
// error; if ctx ended first, the item must never be used again.
func (c *Committer[T]) Commit(ctx context.Context, item T, size int) error {
	b, err := c.add(item, size, true)
	if err != nil {
		return err
	}
	if ctx.Done() == nil { // As for nearly all callers. A wait for one channel costs less.
		<-b.done
		return b.err
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add appends an item and returns its batch. An item whose caller waits does not join
// a batch that was released early.
func (c *Committer[T]) add(item T, size int, waits bool) (*batch[T], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.size+size > c.o.Capacity {
		return nil, ErrFull
	}
	var b *batch[T]
	if n := len(c.waiting); n > 0 {
		b = c.waiting[n-1]
	}
	if b == nil || b.released && waits || len(b.items) >= c.o.BatchItems || b.size+size > c.o.BatchSize {
		b = &batch[T]{done: make(chan struct{})}
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

// release releases the callers of the given batches, or of all batches when none is
// given.
func (c *Committer[T]) release(some ...*batch[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if some == nil {
		some = c.waiting
		if c.writing != nil {
			c.writing.releaseLocked()
		}
	}
	for _, b := range some {
		b.releaseLocked()
	}
}

// releaseLocked closes done once. The caller holds the committer's mu.
func (b *batch[T]) releaseLocked() {
	if !b.released {
		b.released = true
		close(b.done)
	}
}

// Close ends Run after every added item was stored, or was tried once more and failed.
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
			// An item may have been added between next and Close.
			if b = c.next(); b == nil {
				return
			}
		}
		due = time.Now().Add(c.o.Gather)
		err := c.o.Write(context.Background(), b.items)
		if err == nil {
			c.o.Metrics.CommitSize.WithLabelValues(c.o.Label).Observe(float64(len(b.items)))
		}
		c.answer(b, err)
	}
}

// waitUntil waits for the time t, or for Close.
func (c *Committer[T]) waitUntil(t time.Time) {
	d := time.Until(t)
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.o.Hurry:
	case <-c.closing:
	}
}

// next removes and returns the first batch, nil when there is none.
func (c *Committer[T]) next() *batch[T] {
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

// answer returns the result of the batch to its callers.
func (c *Committer[T]) answer(b *batch[T], err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.err = err
	c.size -= b.size
	c.writing = nil
	b.releaseLocked()
}
