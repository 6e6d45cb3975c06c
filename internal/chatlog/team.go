package chatlog

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// team are the workers of the readers that this server has claimed. Only
// dispatch uses it.
type team struct {
	s       *Service
	workers map[int64]*worker
	running sync.WaitGroup
}

func newTeam(s *Service) *team { return &team{s: s, workers: map[int64]*worker{}} }

// work claims the readers that are owed something, and those that workers have,
// and puts a worker on each that is ours.
func (t *team) work(readers []Reader) {
	owed := map[int64]Reader{}
	for _, r := range readers {
		if !r.Since.IsZero() {
			owed[r.ID] = r
		}
	}
	until := t.claim(slices.Collect(maps.Keys(owed)))
	for id, r := range owed {
		if until[id].IsZero() {
			continue
		}
		w := t.workers[id]
		if w == nil {
			w = newWorker(t.s, r)
			t.workers[id] = w
			w.hold(until[id])
			t.running.Go(w.run)
		}
		w.wakeUp()
	}
}

// renew holds on to the readers that workers have.
func (t *team) renew() { t.claim(nil) }

// claim claims the readers and those of the workers. It dismisses workers whose
// reader another server has, and those that had to break off because the claim
// could not be renewed in time.
func (t *team) claim(readers []int64) map[int64]time.Time {
	for id := range t.workers {
		if !slices.Contains(readers, id) {
			readers = append(readers, id)
		}
	}
	if len(readers) == 0 {
		return nil
	}
	// What is claimed is so also when the service has just been stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.s.ctx), noteWithin)
	defer cancel()
	until, err := t.s.o.Transcript.Claim(ctx, readers)
	if err != nil {
		t.s.o.Log.LogAttrs(ctx, slog.LevelError, "The readers of chat logs cannot be claimed", slog.Any("error", err))
	}
	for id, w := range t.workers {
		if w.ctx.Err() == nil && !until[id].IsZero() {
			w.hold(until[id])
			continue
		}
		if err == nil {
			w.stop()
		}
		if w.ctx.Err() != nil {
			delete(t.workers, id)
		}
	}
	return until
}

// finished is closed when all workers have ended.
func (t *team) finished() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		t.running.Wait()
		close(done)
	}()
	return done
}

// end gives the claims back.
func (t *team) end() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.s.ctx), noteWithin)
	defer cancel()
	if err := t.s.o.Transcript.Release(ctx); err != nil {
		t.s.o.Log.LogAttrs(ctx, slog.LevelWarn, "The readers of chat logs were not given back; other servers wait some seconds for them", slog.Any("error", err))
	}
}
