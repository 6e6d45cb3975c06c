package chatlog

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"confab/internal/background"
	"confab/internal/chat"
)

const (
	// passRooms is how many backlogs are read together.
	passRooms = 256
	// noteWithin bounds the time to make a position durable.
	noteWithin = 10 * time.Second
)

// pass delivers what is due of some rooms and reports whether anything advanced.
func (w *worker) pass(flushing bool) bool {
	rooms, ok := w.due(flushing)
	if !ok {
		return false
	}
	var calls errgroup.Group
	calls.SetLimit(w.limits.calls)
	advanced := make(chan struct{}, 1)
	run := func(parcels []*parcel) {
		calls.Go(func() error {
			if w.call(parcels) {
				select {
				case advanced <- struct{}{}:
				default:
				}
			}
			return nil
		})
	}
	var next []*parcel
	records, size := 0, 0
	skipped := false
	for _, b := range rooms {
		p := w.prepare(b)
		background.Yield() // Live rooms have priority.
		if p == nil {
			continue
		}
		if len(p.records) == 0 {
			skipped = w.advance(p) || skipped
			continue
		}
		if len(next) > 0 && (len(next) == w.limits.rooms || records+len(p.records) > w.limits.records && w.limits.records > 0 || size+p.size > w.limits.size) {
			run(next)
			next, records, size = nil, 0, 0
		}
		next = append(next, p)
		records += len(p.records)
		size += p.size
	}
	if len(next) > 0 {
		run(next)
	}
	calls.Wait() //nolint:errcheck // The calls return none.
	return skipped || len(advanced) > 0
}

// due returns the backlogs to deliver now. It returns false when there are none, or
// while the destination backs off.
func (w *worker) due(flushing bool) ([]Backlog, bool) {
	now := w.s.o.Now()
	before, rooms := now.Add(-w.interval()), passRooms
	if early := time.Unix(0, w.s.early.Load()); early.After(before) {
		before = early
	}
	if flushing {
		before = now.Add(time.Hour) // This includes records from a clock that was ahead.
	}
	w.mu.Lock()
	slow, resting := w.failures >= slowAfter, len(w.resting)
	wait := slow && now.Before(w.retryAt)
	w.mu.Unlock()
	if wait {
		return nil, false
	}
	if slow {
		rooms = 1
	}
	all, err := w.s.o.Transcript.Backlogs(w.ctx, w.reader.ID, before, int64(w.limits.size), rooms+resting)
	if err != nil {
		w.storeFailed(err)
		return nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ready := all[:0]
	for _, b := range all {
		if r := w.resting[b.RoomID]; (r == nil || !now.Before(r.until)) && len(ready) < rooms {
			ready = append(ready, b)
		}
	}
	return ready, len(ready) > 0
}

func (w *worker) interval() time.Duration {
	if w.reader.Destination.Type == chat.S3 {
		return w.s.o.ObjectInterval
	}
	return w.s.o.FlushInterval
}

// prepare reads the parcel of a room and, if it is an object, fixes its bounds. It
// returns nil when the transcript fails.
func (w *worker) prepare(b Backlog) *parcel {
	p, err := load(w.ctx, w.s.o.Transcript, b, w.limits)
	if err != nil {
		w.storeFailed(err)
		return nil
	}
	if len(p.records) == 0 {
		return p
	}
	if w.limits.objects && p.key == "" {
		p.key = objectKey(w.s.o.Account, w.s.o.Region, b.RoomID, p.records[0].Time)
		if err := w.s.o.Transcript.BeginObject(w.ctx, b, Object{Key: p.key, To: p.to}); err != nil {
			w.storeFailed(err)
			return nil
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.resting[b.RoomID]; r != nil {
		p.settled = r.settled
	}
	return p
}

// call makes one call and records its outcome. It reports whether it succeeded.
func (w *worker) call(parcels []*parcel) bool {
	err := w.out.deliver(w.ctx, parcels)
	ok := false
	for _, p := range parcels {
		if err == nil || len(p.open()) == 0 {
			ok = w.advance(p) || ok
		} else if w.ctx.Err() == nil {
			w.rest(p)
		}
	}
	if w.ctx.Err() != nil && err != nil {
		return false // It was aborted.
	}
	w.outcome(err, ok)
	return ok
}

// advance moves the position past the parcel.
func (w *worker) advance(p *parcel) bool {
	since := w.s.o.Now()
	if len(p.records) > 0 {
		since = p.last()
	}
	// An acknowledged call is stored even when the service stops now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), noteWithin)
	defer cancel()
	if err := w.s.o.Transcript.Advance(ctx, p.backlog, p.to, p.frames, since); err != nil {
		w.storeFailed(err)
		return false
	}
	refused := p.refused()
	w.s.o.Metrics.Records.WithLabelValues(string(w.reader.Destination.Type)).Add(float64(len(p.records) - refused))
	if lost := p.tooLarge + refused; lost > 0 {
		w.s.o.Metrics.RecordsDropped.WithLabelValues(w.reader.Configuration.String()).Add(float64(lost))
		w.log(slog.LevelError, "Chat log records were refused for good", slog.String("room", p.backlog.RoomID),
			slog.Int("too_large", p.tooLarge), slog.Int("too_old", refused))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.resting, p.backlog.RoomID)
	return true
}
