package sqldb

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/telemetry"
)

// disk is what the committer under test writes to.
type disk struct {
	mu sync.Mutex // guards all
	state
}

type state struct {
	stored  []int
	batches []int         // their sizes
	err     error         // what writing returns
	slow    time.Duration // how long it takes
	trouble []error       // what the committer told
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

func (d *disk) committer(keep bool) *Committer[int] {
	c := &Committer[int]{
		Label: "test", Metrics: telemetry.NewMetrics(), Write: d.write,
		BatchItems: 4, BatchSize: 10, Capacity: 20, Keep: keep,
		Trouble: func(err error) { d.set(func(s *state) { s.trouble = append(s.trouble, err) }) },
		Lost:    func(n int) { d.set(func(s *state) { s.lost += n }) },
	}
	return c.Start()
}

func isDone(b *Batch[int]) bool {
	select {
	case <-b.Done:
		return true
	default:
		return false
	}
}

// bubble runs a test in which time is not real. The committer runs when the
// test calls begin, and has ended when the test has.
func bubble(t *testing.T, keep bool, test func(t *testing.T, d *disk, c *Committer[int], begin func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		c := d.committer(keep)
		test(t, d, c, func() { go c.Run() })
		c.Close()
		synctest.Wait()
	})
}

// add adds items of size 1 and returns their batches.
func add(t *testing.T, c *Committer[int], items ...int) []*Batch[int] {
	t.Helper()
	var all []*Batch[int]
	for _, item := range items {
		b, err := c.Add(item, 1)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func TestCommitter(t *testing.T) {
	failure := errors.New("no disk")

	t.Run("what waits is stored together, in order, in bounded batches", func(t *testing.T) {
		bubble(t, false, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			all := add(t, c, 1, 2, 3, 4, 5)
			if _, err := c.Add(6, 9); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Add(7, 2); err != nil { // 5 and 6 have size 10
				t.Fatal(err)
			}
			begin()
			synctest.Wait()
			if !slices.Equal(d.now().batches, []int{4, 2, 1}) || !slices.Equal(d.now().stored, []int{1, 2, 3, 4, 5, 6, 7}) {
				t.Errorf("stored %v in batches of %v", d.now().stored, d.now().batches)
			}
			for i, b := range all {
				if !isDone(b) || b.Err != nil {
					t.Errorf("item %d: done %t, error %v", i+1, isDone(b), b.Err)
				}
			}
		})
	})

	t.Run("while one batch is written the next one fills", func(t *testing.T) {
		bubble(t, false, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.slow = time.Millisecond })
			begin()
			first := add(t, c, 1)[0]
			synctest.Wait()
			rest := add(t, c, 2, 3, 4)
			if isDone(first) {
				t.Error("it is done before it is written")
			}
			time.Sleep(3 * time.Millisecond)
			if !slices.Equal(d.now().batches, []int{1, 3}) || !isDone(rest[2]) {
				t.Errorf("batches of %v", d.now().batches)
			}
		})
	})

	t.Run("a commit that was shared is not followed at once, one that was not is", func(t *testing.T) {
		bubble(t, false, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			c.Pace = 2 * time.Millisecond
			alone := add(t, c, 1)[0]
			begin()
			<-alone.Done
			start := time.Now()
			add(t, c, 2, 3)
			synctest.Wait()
			next := add(t, c, 4)[0]
			synctest.Wait()
			more := add(t, c, 5)[0]
			<-more.Done
			if !slices.Equal(d.now().batches, []int{1, 2, 2}) || next != more || time.Since(start) != c.Pace {
				t.Errorf("batches of %v within %v", d.now().batches, time.Since(start))
			}
		})
	})

	t.Run("without keep callers get the error, and the next ones a new try", func(t *testing.T) {
		bubble(t, false, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.err = failure })
			begin()
			b := add(t, c, 1)[0]
			<-b.Done
			if !errors.Is(b.Err, failure) {
				t.Errorf("got %v", b.Err)
			}
			d.set(func(s *state) { s.err = nil })
			b = add(t, c, 2)[0]
			<-b.Done
			if b.Err != nil || !slices.Equal(d.now().stored, []int{2}) {
				t.Errorf("then got %v, stored %v", b.Err, d.now().stored)
			}
		})
	})

	t.Run("with keep nobody waits for a disk that fails, and nothing is lost", func(t *testing.T) {
		bubble(t, true, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.err = failure })
			begin()
			first := add(t, c, 1)[0]
			synctest.Wait()
			later := add(t, c, 2, 3)
			if !isDone(first) || !isDone(later[0]) {
				t.Errorf("somebody waits: %t, %t", isDone(first), isDone(later[0]))
			}
			time.Sleep(time.Minute)
			d.set(func(s *state) { s.err = nil })
			time.Sleep(lastRetry)
			after := add(t, c, 4)[0]
			<-after.Done
			if !slices.Equal(d.now().stored, []int{1, 2, 3, 4}) {
				t.Errorf("stored %v", d.now().stored)
			}
			if len(d.now().trouble) != 2 || !errors.Is(d.now().trouble[0], failure) || d.now().trouble[1] != nil {
				t.Errorf("trouble told: %v, want the failure and its end, once each", d.now().trouble)
			}
		})
	})

	t.Run("with keep a disk that works again is waited for, whatever is left from before", func(t *testing.T) {
		bubble(t, true, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.err = failure })
			begin()
			add(t, c, 1)
			synctest.Wait()
			add(t, c, 2, 3, 4, 5) // a batch
			left := add(t, c, 6)[0]
			d.set(func(s *state) { s.err, s.slow = nil, time.Second })
			time.Sleep(firstRetry + 1500*time.Millisecond)
			if !slices.Equal(d.now().stored, []int{1}) || !isDone(left) {
				t.Errorf("stored %v, somebody waits: %t", d.now().stored, !isDone(left))
			}
			after := add(t, c, 7)[0]
			if isDone(after) {
				t.Error("it is done before it is written")
			}
			<-after.Done
			if !slices.Equal(d.now().stored, []int{1, 2, 3, 4, 5, 6, 7}) {
				t.Errorf("it is done when %v are stored", d.now().stored)
			}
			time.Sleep(time.Minute) // Whatever is wrong, nothing is under way at the end.
		})
	})

	t.Run("with keep nobody waits long for a disk that hangs", func(t *testing.T) {
		bubble(t, true, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.slow = time.Hour })
			begin()
			first := add(t, c, 1)[0]
			synctest.Wait()
			second := add(t, c, 2)[0]
			time.Sleep(stallAfter - time.Millisecond)
			if isDone(first) || isDone(second) {
				t.Error("they are let go before the time")
			}
			time.Sleep(2 * time.Millisecond)
			if third := add(t, c, 3)[0]; !isDone(first) || !isDone(second) || !isDone(third) {
				t.Error("somebody waits")
			}
			d.set(func(s *state) { s.slow = 0 })
			time.Sleep(2 * time.Hour)
			if !slices.Equal(d.now().stored, []int{1, 2, 3}) {
				t.Errorf("stored %v", d.now().stored)
			}
		})
	})

	t.Run("with keep a stall that is noticed late is not the next batch's", func(t *testing.T) {
		bubble(t, true, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			begin()
			first := add(t, c, 1)[0]
			<-first.Done
			d.set(func(s *state) { s.slow = time.Second })
			second := add(t, c, 2)[0]
			synctest.Wait()
			c.fail(first, errStalled) // As its timer does, which no test can hit in time.
			if isDone(second) {
				t.Error("it is done before it is written")
			}
			<-second.Done
			if d.now().trouble != nil {
				t.Errorf("trouble told: %v", d.now().trouble)
			}
			time.Sleep(time.Minute) // Whatever is wrong, nothing is under way at the end.
		})
	})

	t.Run("the capacity counts what is not stored yet, and no more", func(t *testing.T) {
		bubble(t, true, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.err = failure })
			begin()
			for range 2 {
				if _, err := c.Add(0, 10); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			if _, err := c.Add(0, 1); !errors.Is(err, errFull) {
				t.Errorf("beyond the Capacity: %v", err)
			}
			d.set(func(s *state) { s.err = nil })
			time.Sleep(2 * lastRetry)
			add(t, c, 1)
		})
	})

	t.Run("closing stores what waits and takes nothing more", func(t *testing.T) {
		bubble(t, false, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.slow = time.Second })
			all := add(t, c, 1, 2, 3, 4, 5, 6)
			c.Close()
			if _, err := c.Add(7, 1); !errors.Is(err, ErrClosed) {
				t.Errorf("after closing: %v", err)
			}
			begin()
			<-all[5].Done
			if !slices.Equal(d.now().stored, []int{1, 2, 3, 4, 5, 6}) {
				t.Errorf("stored %v", d.now().stored)
			}
		})
	})

	t.Run("closing on a disk that fails says what is lost", func(t *testing.T) {
		bubble(t, true, func(t *testing.T, d *disk, c *Committer[int], begin func()) {
			d.set(func(s *state) { s.err = failure })
			add(t, c, 1, 2, 3, 4, 5)
			begin()
			synctest.Wait()
			c.Close()
			synctest.Wait()
			if d.now().lost != 5 {
				t.Errorf("%d are lost, want 5", d.now().lost)
			}
		})
	})
}
