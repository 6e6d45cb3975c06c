package sqldb

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Spool is a Committer for items whose callers must not wait for a failing database:
// a batch that cannot be written is kept in memory, up to Commits.Capacity, and
// retried until it is stored.
//
//	working   a caller waits until its item is stored
//	failing   a write has failed, or has taken longer than stallAfter: no
//	          caller waits, neither present nor new ones, until a write works
//
// After recovery, callers of new items wait again, even while older batches are queued.
type Spool[T any] struct {
	c     *Committer[T]
	store func(ctx context.Context, items []T) error
	// trouble is called when writing begins to fail, and with nil when it works
	// again. lost is called at the end with the number of items that could not be
	// stored.
	trouble func(err error)
	lost    func(n int)

	gaveUp int // items that were not stored; used by Run's goroutine only

	mu      sync.Mutex // guards what follows; locked before the committer's
	writing *T         // the first item of the batch that is being written
	failing bool
}

const (
	// stallAfter is after how long a commit releases its callers.
	stallAfter = 2 * time.Second
	// The pauses between attempts.
	firstRetry, lastRetry = 50 * time.Millisecond, 5 * time.Second
)

var errStalled = errors.New("a commit takes very long")

// NewSpool returns a spool. It writes while Run runs. trouble is called with the error when
// writing begins to fail, and with nil when it works again. lost is called at the end with
// the number of items that could not be stored, if there are any.
func NewSpool[T any](o Commits[T], trouble func(err error), lost func(n int)) *Spool[T] {
	s := &Spool[T]{store: o.Write, trouble: trouble, lost: lost}
	o.Write = s.write
	s.c = NewCommitter(o)
	return s
}

// Add appends an item. The channel is closed when the item is stored, or while the
// database fails.
func (s *Spool[T]) Add(item T, size int) (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.c.add(item, size, !s.failing)
	if err != nil {
		return nil, err
	}
	if s.failing {
		s.c.release(b)
	}
	return b.done, nil
}

// Close ends Run after every added item was stored, or was tried once more and failed.
func (s *Spool[T]) Close() { s.c.Close() }

// Run writes batches until Close.
func (s *Spool[T]) Run() {
	s.c.Run()
	if s.gaveUp > 0 {
		s.lost(s.gaveUp)
	}
}

// write stores a batch and retries until it succeeds. After Close, the first batch
// that fails ends the retries.
func (s *Spool[T]) write(ctx context.Context, items []T) error {
	for pause := firstRetry; s.gaveUp == 0; pause = min(2*pause, lastRetry) {
		err := s.attempt(ctx, items)
		if err == nil {
			return nil
		}
		s.fail(&items[0], err)
		select {
		case <-s.c.closing:
			s.gaveUp += len(items)
			return err
		case <-time.After(pause):
		}
	}
	s.gaveUp += len(items)
	return ErrClosed
}

// attempt tries once to store the batch.
func (s *Spool[T]) attempt(ctx context.Context, items []T) error {
	s.mu.Lock()
	s.writing = &items[0]
	s.mu.Unlock()
	stalled := time.AfterFunc(stallAfter, func() { s.fail(&items[0], errStalled) })
	defer stalled.Stop()
	if err := s.store(ctx, items); err != nil {
		return err
	}
	s.mu.Lock()
	s.writing = nil
	failed := s.failing
	s.failing = false
	s.mu.Unlock()
	if failed {
		s.trouble(nil)
	}
	return nil
}

// fail records that the batch which begins with first cannot be written at present, and
// releases all waiting callers. A stall that is detected just when the batch was
// stored is ignored. It must not be counted for the next batch.
func (s *Spool[T]) fail(first *T, err error) {
	s.mu.Lock()
	if s.writing != first {
		s.mu.Unlock()
		return
	}
	failed := s.failing
	s.failing = true
	s.c.release()
	s.mu.Unlock()
	if !failed {
		s.trouble(err)
	}
}
