package sqldb

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// withSpool is withCommitter for a spool.
func withSpool(t *testing.T, test func(t *testing.T, d *disk, s *Spool[int], begin func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		s := NewSpool(d.commits(),
			func(err error) { d.set(func(to *state) { to.trouble = append(to.trouble, err) }) },
			func(n int) { d.set(func(to *state) { to.lost += n }) })
		test(t, d, s, func() { go s.Run() })
		s.Close()
		synctest.Wait()
	})
}

// put adds items of size 1 and returns what their callers wait for.
func put(t *testing.T, s *Spool[int], items ...int) []<-chan struct{} {
	t.Helper()
	var all []<-chan struct{}
	for _, item := range items {
		done, err := s.Add(item, 1)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, done)
	}
	return all
}

func TestSpool(t *testing.T) {
	failure := errors.New("no disk")

	t.Run("no call waits for a disk that fails, and nothing is lost", func(t *testing.T) {
		withSpool(t, func(t *testing.T, d *disk, s *Spool[int], begin func()) {
			d.set(func(to *state) { to.err = failure })
			begin()
			first := put(t, s, 1)[0]
			synctest.Wait()
			later := put(t, s, 2, 3)
			if !isDone(first) || !isDone(later[0]) {
				t.Errorf("a call waits: %t, %t", isDone(first), isDone(later[0]))
			}
			time.Sleep(time.Minute)
			d.set(func(to *state) { to.err = nil })
			time.Sleep(lastRetry)
			after := put(t, s, 4)[0]
			<-after
			if !slices.Equal(d.now().stored, []int{1, 2, 3, 4}) {
				t.Errorf("stored %v", d.now().stored)
			}
			if len(d.now().trouble) != 2 || !errors.Is(d.now().trouble[0], failure) || d.now().trouble[1] != nil {
				t.Errorf("trouble told: %v, want the failure and its end, once each", d.now().trouble)
			}
		})
	})

	t.Run("after a failure, calls wait again once the disk works", func(t *testing.T) {
		withSpool(t, func(t *testing.T, d *disk, s *Spool[int], begin func()) {
			d.set(func(to *state) { to.err = failure })
			begin()
			put(t, s, 1)
			synctest.Wait()
			put(t, s, 2, 3, 4, 5) // a batch
			left := put(t, s, 6)[0]
			d.set(func(to *state) { to.err, to.slow = nil, time.Second })
			time.Sleep(firstRetry + 1500*time.Millisecond)
			if !slices.Equal(d.now().stored, []int{1}) || !isDone(left) {
				t.Errorf("stored %v, a call waits: %t", d.now().stored, !isDone(left))
			}
			after := put(t, s, 7)[0]
			if isDone(after) {
				t.Error("it is done before it is written")
			}
			<-after
			if !slices.Equal(d.now().stored, []int{1, 2, 3, 4, 5, 6, 7}) {
				t.Errorf("it is done when %v are stored", d.now().stored)
			}
			time.Sleep(time.Minute) // Whatever is wrong, nothing is under way at the end.
		})
	})

	t.Run("no call waits long for a disk that hangs", func(t *testing.T) {
		withSpool(t, func(t *testing.T, d *disk, s *Spool[int], begin func()) {
			d.set(func(to *state) { to.slow = time.Hour })
			begin()
			first := put(t, s, 1)[0]
			synctest.Wait()
			second := put(t, s, 2)[0]
			time.Sleep(stallAfter - time.Millisecond)
			if isDone(first) || isDone(second) {
				t.Error("they are let go before the time")
			}
			time.Sleep(2 * time.Millisecond)
			if third := put(t, s, 3)[0]; !isDone(first) || !isDone(second) || !isDone(third) {
				t.Error("a call waits")
			}
			d.set(func(to *state) { to.slow = 0 })
			time.Sleep(2 * time.Hour)
			if !slices.Equal(d.now().stored, []int{1, 2, 3}) {
				t.Errorf("stored %v", d.now().stored)
			}
		})
	})

	t.Run("a stall that is noticed late does not count for the next batch", func(t *testing.T) {
		withSpool(t, func(t *testing.T, d *disk, s *Spool[int], begin func()) {
			begin()
			first := put(t, s, 1)[0]
			<-first
			d.set(func(to *state) { to.slow = time.Second })
			second := put(t, s, 2)[0]
			synctest.Wait()
			s.fail(new(int), errStalled) // As its timer does, which no test can hit in time.
			if isDone(second) {
				t.Error("it is done before it is written")
			}
			<-second
			if d.now().trouble != nil {
				t.Errorf("trouble told: %v", d.now().trouble)
			}
			time.Sleep(time.Minute) // Whatever is wrong, nothing is under way at the end.
		})
	})

	t.Run("the capacity counts only items that are not stored yet", func(t *testing.T) {
		withSpool(t, func(t *testing.T, d *disk, s *Spool[int], begin func()) {
			d.set(func(to *state) { to.err = failure })
			begin()
			for range 2 {
				if _, err := s.Add(0, 10); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			if _, err := s.Add(0, 1); !errors.Is(err, ErrFull) {
				t.Errorf("beyond the capacity: %v", err)
			}
			d.set(func(to *state) { to.err = nil })
			time.Sleep(2 * lastRetry)
			put(t, s, 1)
		})
	})

	t.Run("closing on a disk that fails says what is lost", func(t *testing.T) {
		withSpool(t, func(t *testing.T, d *disk, s *Spool[int], begin func()) {
			d.set(func(to *state) { to.err = failure })
			put(t, s, 1, 2, 3, 4, 5)
			begin()
			synctest.Wait()
			s.Close()
			synctest.Wait()
			if d.now().lost != 5 {
				t.Errorf("%d are lost, want 5", d.now().lost)
			}
		})
	})
}
