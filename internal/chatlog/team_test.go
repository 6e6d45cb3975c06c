package chatlog

import (
	"context"
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
