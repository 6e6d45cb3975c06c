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

// team has the workers of the readers that this server has claimed. It is used only by
// dispatch.
type team struct {
	s       *Service
	workers map[int64]*worker
	// waiting are the readers that are owed something and assigned to another server,
	// with the time since which they are left to it.
	waiting map[int64]time.Time
	running sync.WaitGroup
}

const (
	// claimWithin is how long the assigned server has to claim a reader before another
	// server tries. The assigned server may be unable to reach the database.
	claimWithin = 10 * time.Second
	// substituteFor is how long the other server then delivers before it releases the reader.
	substituteFor = time.Minute
)

func newTeam(s *Service) *team {
	return &team{s: s, workers: map[int64]*worker{}, waiting: map[int64]time.Time{}}
}

// work claims the readers that are owed something and are assigned to this server, and
// those of its workers. It starts a worker for each that it got.
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
				w.substituteUntil = time.Now().Add(substituteFor)
			}
			t.workers[id] = w
			w.hold(until[id])
			t.running.Go(w.run)
		}
		w.wakeInTurn(t.s.look)
	}
}

// ours reports whether this server should deliver to a reader. A server that stops
// delivers to every unclaimed reader.
func (t *team) ours(reader int64) bool {
	return t.s.o.Mine == nil || t.s.flushing() || t.s.o.Mine("log reader "+strconv.FormatInt(reader, 10))
}

// wanted returns the readers to claim: those of this server, and sometimes those that
// were left to another server for a while.
func (t *team) wanted(owed map[int64]Reader) (readers []int64) {
	maps.DeleteFunc(t.waiting, func(id int64, _ time.Time) bool {
		_, still := owed[id]
		return !still
	})
	now := time.Now()
	for id := range owed {
		since, waiting := t.waiting[id]
		switch {
		case t.ours(id):
			delete(t.waiting, id)
			readers = append(readers, id)
		case !waiting:
			t.waiting[id] = now
		case now.Sub(since) > claimWithin:
			t.waiting[id] = now
			readers = append(readers, id)
		}
	}
	return readers
}

// handOver stops the workers whose readers are now assigned to another server, and
// releases the claims of those that have ended.
func (t *team) handOver() {
	var left []int64
	for id, w := range t.workers {
		if !t.ours(id) && time.Now().After(w.substituteUntil) {
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

// renew renews the claims on the readers of workers.
func (t *team) renew() { t.claim(nil) }

// claim claims the readers and those of the workers. It removes workers whose reader
// another server has, and those that aborted because the claim was not renewed in time.
func (t *team) claim(readers []int64) map[int64]time.Time {
	for id := range t.workers {
		if !slices.Contains(readers, id) {
			readers = append(readers, id)
		}
	}
	if len(readers) == 0 {
		return nil
	}
	// Claims must be stored even when the service was just stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.s.ctx), noteWithin)
	defer cancel()
	until, err := t.s.o.Transcript.Claim(ctx, readers)
	if err != nil {
		t.s.o.Log.LogAttrs(ctx, slog.LevelError, "Chat log readers not claimed", slog.Any("error", err))
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

// flush closes flushed when every worker has delivered what it can: see Service.Flush.
// It does not block.
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

// settle closes settled when no worker has a call under way that has read the transcript
// before: see Service.Settle. It does not block.
func (t *team) settle(settled chan struct{}) {
	var workers sync.WaitGroup
	for _, w := range t.workers {
		workers.Go(w.settle)
	}
	go func() {
		workers.Wait()
		close(settled)
	}()
}

// finished returns a channel that is closed when all workers have ended.
func (t *team) finished() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		t.running.Wait()
		close(done)
	}()
	return done
}

// end releases all claims.
func (t *team) end() { t.release(nil) }

func (t *team) release(readers []int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.s.ctx), noteWithin)
	defer cancel()
	if err := t.s.o.Transcript.Release(ctx, readers); err != nil {
		t.s.o.Log.LogAttrs(ctx, slog.LevelWarn, "Chat log readers not released; other servers take them over when their leases end", slog.Any("error", err))
	}
}
