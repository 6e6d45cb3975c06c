package chatlog

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// team are the workers of the readers that this server has claimed. Only
// dispatch uses it.
type team struct {
	s       *Service
	workers map[int64]*worker
	// spared are the readers that are owed something and are another server's,
	// with the time since which they are left to it.
	spared  map[int64]time.Time
	running sync.WaitGroup
}

const (
	// spareFor is how long a server that should deliver to a reader has to claim
	// it before any other tries: it may not reach the database.
	spareFor = 10 * time.Second
	// standIn is how long the other one then delivers before it gives it back.
	standIn = time.Minute
)

func newTeam(s *Service) *team {
	return &team{s: s, workers: map[int64]*worker{}, spared: map[int64]time.Time{}}
}

// work claims the readers that are owed something, as far as they are this
// server's, and those that workers have, and puts a worker on each that it got.
func (t *team) work(readers []Reader) {
	owed := map[int64]Reader{}
	for _, r := range readers {
		if !r.Since.IsZero() {
			owed[r.ID] = r
		}
	}
	t.handOver()
	until := t.claim(t.wanted(owed))
	for id, r := range owed {
		if until[id].IsZero() {
			continue
		}
		w := t.workers[id]
		if w == nil {
			w = newWorker(t.s, r)
			if !t.ours(id) {
				w.standIn = time.Now().Add(standIn)
			}
			t.workers[id] = w
			w.hold(until[id])
			t.running.Go(w.run)
		}
		w.wakeUp()
	}
}

// ours says whether this server should deliver to a reader. One that stops
// delivers what it can to whatever nobody has claimed.
func (t *team) ours(reader int64) bool {
	return t.s.o.Mine == nil || t.s.flushing() || t.s.o.Mine("log reader "+strconv.FormatInt(reader, 10))
}

// wanted returns the readers to claim: ours, and now and then those that another
// server has been left for a while.
func (t *team) wanted(owed map[int64]Reader) (readers []int64) {
	maps.DeleteFunc(t.spared, func(id int64, _ time.Time) bool {
		_, still := owed[id]
		return !still
	})
	now := time.Now()
	for id := range owed {
		since, spared := t.spared[id]
		switch {
		case t.ours(id):
			delete(t.spared, id)
			readers = append(readers, id)
		case !spared:
			t.spared[id] = now
		case now.Sub(since) > spareFor:
			t.spared[id] = now
			readers = append(readers, id)
		}
	}
	return readers
}

// handOver has the workers finish whose readers are another server's now, and
// gives back the claims of those that have.
func (t *team) handOver() {
	var left []int64
	for id, w := range t.workers {
		if !t.ours(id) && time.Now().After(w.standIn) {
			w.leave()
		}
		if w.left() {
			left = append(left, id)
			w.stop() // Its context would stay with the service's.
			delete(t.workers, id)
		}
	}
	if len(left) > 0 {
		t.release(left)
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

// flush closes flushed when every worker has delivered what it can: see
// Service.Flush. It does not block.
func (t *team) flush(flushed chan struct{}) {
	var workers sync.WaitGroup
	for _, w := range t.workers {
		workers.Go(w.flush)
	}
	go func() {
		workers.Wait()
		close(flushed)
	}()
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

// end gives all claims back.
func (t *team) end() { t.release(nil) }

func (t *team) release(readers []int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.s.ctx), noteWithin)
	defer cancel()
	if err := t.s.o.Transcript.Release(ctx, readers); err != nil {
		t.s.o.Log.LogAttrs(ctx, slog.LevelWarn, "The readers of chat logs were not given back; other servers wait some seconds for them", slog.Any("error", err))
	}
}
