package sqldb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// disk is what is written to.
type disk struct {
	mu sync.Mutex // guards all
	state
}

type state struct {
	stored  []int
	batches []int         // their sizes
	err     error         // what writing returns
	slow    time.Duration // how long it takes
	trouble []error       // what the spool told
	lost    int
}

func (d *disk) write(_ context.Context, items []int) error {
	now := d.now()
	time.Sleep(now.slow)
	if now.err != nil {
		return now.err
	}
	d.set(func(s *state) {
		s.stored = append(s.stored, items...)
		s.batches = append(s.batches, len(items))
	})
	return nil
}

func (d *disk) set(change func(s *state)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.state)
}

func (d *disk) now() state {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

func (d *disk) commits() Commits[int] {
	return Commits[int]{
		Label: "test", Metrics: NewMetrics(nil), Write: d.write,
		BatchItems: 4, BatchSize: 10, Capacity: 20,
	}
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// withCommitter runs a test in which time is not real. The committer runs when
// the test calls begin, and has ended when the test has.
func withCommitter(t *testing.T, test func(t *testing.T, d *disk, c *Committer[int], begin func())) {
	t.Helper()
	withCommits(t, func(*Commits[int]) {}, test)
}

// withCommits is withCommitter with other changes of the configuration.
func withCommits(t *testing.T, change func(*Commits[int]), test func(t *testing.T, d *disk, c *Committer[int], begin func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		o := d.commits()
		change(&o)
		c := NewCommitter(o)
		test(t, d, c, func() { go c.Run() })
		c.Close()
		synctest.Wait()
	})
}

// add adds items of size 1 and returns their batches.
func add(t *testing.T, c *Committer[int], items ...int) []*batch[int] {
	t.Helper()
	var all []*batch[int]
	for _, item := range items {
		b, err := c.add(item, 1, true)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func TestCommitter(t *testing.T) {
	failure := errors.New("no disk")

	t.Run("waiting items are stored together, in order, in bounded batches", func(t *testing.T) {
		withCommitter(t, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			all := add(t, c, 1, 2, 3, 4, 5)
			if _, err := c.add(6, 9, true); err != nil {
				t.Fatal(err)
			}
			if _, err := c.add(7, 2, true); err != nil { // 5 and 6 have size 10
				t.Fatal(err)
			}
			begin()
			synctest.Wait()
			if !slices.Equal(d.now().batches, []int{4, 2, 1}) || !slices.Equal(d.now().stored, []int{1, 2, 3, 4, 5, 6, 7}) {
				t.Errorf("stored %v in batches of %v", d.now().stored, d.now().batches)
			}
			for i, b := range all {
				if !isDone(b.done) || b.err != nil {
					t.Errorf("item %d: done %t, error %v", i+1, isDone(b.done), b.err)
				}
			}
		})
	})

	t.Run("while one batch is written the next one fills", func(t *testing.T) {
		withCommitter(t, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.slow = time.Millisecond })
			begin()
			first := add(t, c, 1)[0]
			synctest.Wait()
			rest := add(t, c, 2, 3, 4)
			if isDone(first.done) {
				t.Error("it is done before it is written")
			}
			time.Sleep(3 * time.Millisecond)
			if !slices.Equal(d.now().batches, []int{1, 3}) || !isDone(rest[2].done) {
				t.Errorf("batches of %v", d.now().batches)
			}
		})
	})

	t.Run("with Gather, frequent items share a commit, and an item after a pause is stored at once", func(t *testing.T) {
		const gather = 3 * time.Millisecond
		withCommits(t, func(o *Commits[int]) { o.Gather = gather }, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			begin()
			for i := range 7 {
				add(t, c, i)
				time.Sleep(1100 * time.Microsecond)
			}
			time.Sleep(10 * time.Millisecond)
			start := time.Now()
			<-add(t, c, 7)[0].done
			if !slices.Equal(d.now().batches, []int{1, 2, 3, 1, 1}) || time.Since(start) != 0 {
				t.Errorf("batches of %v, the last after %v", d.now().batches, time.Since(start))
			}
		})
	})

	t.Run("callers of a failed batch get the error, and the next batch is tried", func(t *testing.T) {
		withCommitter(t, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.err = failure })
			begin()
			b := add(t, c, 1)[0]
			<-b.done
			if !errors.Is(b.err, failure) {
				t.Errorf("got %v", b.err)
			}
			d.set(func(s *state) { s.err = nil })
			b = add(t, c, 2)[0]
			<-b.done
			if b.err != nil || !slices.Equal(d.now().stored, []int{2}) {
				t.Errorf("then got %v, stored %v", b.err, d.now().stored)
			}
		})
	})

	t.Run("closing stores waiting items and refuses new ones", func(t *testing.T) {
		withCommitter(t, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.slow = time.Second })
			all := add(t, c, 1, 2, 3, 4, 5, 6)
			c.Close()
			if _, err := c.add(7, 1, true); !errors.Is(err, ErrClosed) {
				t.Errorf("after closing: %v", err)
			}
			begin()
			<-all[5].done
			if !slices.Equal(d.now().stored, []int{1, 2, 3, 4, 5, 6}) {
				t.Errorf("stored %v", d.now().stored)
			}
		})
	})
}
