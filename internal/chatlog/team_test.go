package chatlog

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"confab/internal/chat"
)

// claims is a transcript in which every reader can be claimed, and nothing more is
// owed.
type claims struct{ Transcript }

func (claims) Claim(_ context.Context, readers []int64) (map[int64]time.Time, error) {
	until := map[int64]time.Time{}
	for _, id := range readers {
		until[id] = time.Now().Add(time.Hour)
	}
	return until, nil
}

func (claims) Release(context.Context, []int64) error { return nil }

func (claims) Backlogs(context.Context, int64, time.Time, int64, int) ([]Backlog, error) {
	return nil, nil
}

// TestHandOverLeavesNothing checks that a reader that moves to another server leaves no
// context behind. Otherwise each change of the cluster would leak one.
func TestHandOverLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine := true
		s := &Service{flush: make(chan struct{}), o: Options{
			Transcript: claims{}, LocalDir: t.TempDir(), Mine: func(string) bool { return mine }, Now: time.Now,
		}}
		s.ctx, s.stop = context.WithCancel(t.Context())
		defer s.stop()
		team := newTeam(s)
		readers := []Reader{{ID: 1, Destination: chat.Destination{Type: chat.Firehose, Name: "stream"}, Since: time.Now()}}
		team.work(readers)
		w := team.workers[1]
		if w == nil {
			t.Fatal("the reader has no worker")
		}
		mine = false
		team.work(readers) // The worker must leave,
		synctest.Wait()
		team.work(readers) // and has left.
		if len(team.workers) > 0 || !w.left() {
			t.Error("the worker is still there")
		}
		if w.ctx.Err() == nil {
			t.Error("its context is")
		}
	})
}

// passes records when the backlogs of readers are asked for.
type passes struct {
	claims
	mu sync.Mutex
	at map[time.Time]int
}

func (p *passes) Backlogs(context.Context, int64, time.Time, int64, int) ([]Backlog, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[time.Now()]++
	return nil, nil
}

// TestTurns checks that the workers of many readers do not all begin at once, that some do, so
// that they share commits, and that each begins once in an interval.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := &passes{at: map[time.Time]int{}}
		s := &Service{flush: make(chan struct{}), look: 80 * time.Millisecond, o: Options{
			Transcript: began, LocalDir: t.TempDir(), Now: time.Now,
		}}
		s.ctx, s.stop = context.WithCancel(t.Context())
		team := newTeam(s)
		const all = 100
		readers := make([]Reader, all)
		for i := range readers {
			readers[i] = Reader{ID: int64(i + 1), Destination: chat.Destination{Type: chat.Firehose, Name: "stream"}, Since: time.Now()}
		}
		start := time.Now()
		team.work(readers)
		time.Sleep(s.look)
		synctest.Wait()
		sum := 0
		for at, n := range began.at {
			sum += n
			if at.Sub(start) >= s.look || n < all/20 || n > all/5 {
				t.Errorf("%d of %d workers began after %s", n, all, at.Sub(start))
			}
		}
		if sum != all {
			t.Errorf("%d workers began %d times in an interval", all, sum)
		}
		s.stop()
		<-team.finished()
	})
}
