package messaging

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"confab/internal/chat"
	"confab/internal/recent"
)

// keepRing makes or removes the room's ring. It is called before settings with or without
// history are in force, so that the ring misses no message. The caller holds r.loading.
func (e *Engine) keepRing(r *room, history bool) {
	_, replays := r.audience.(Replayer)
	switch present := r.ring.Load() != nil; {
	case !history && present:
		r.ring.Store(nil)
	case history && !present && replays && e.o.History != nil:
		r.ring.Store(recent.New(r.erased.has))
	}
}

// fill adds the messages of the last keep to the room's ring, if it lacks some. If they
// cannot be read, clients join without them.
func (e *Engine) fill(ctx context.Context, r *room, g *recent.Ring, keep time.Duration) {
	if !g.Lacks(e.now()) {
		return
	}
	to := r.audience.(Replayer) //nolint:forcetypeassert // A room without a Replayer has no ring.
	if err := g.Fill(ctx, roomHistory{to, e, r, keep}); err != nil {
		e.o.Metrics.HistoryUnavailable.Inc()
		e.o.Log.LogAttrs(ctx, slog.LevelWarn, "Clients join without history, which could not be read", slog.String("room", r.id), slog.Any("error", err))
	}
}

// roomHistory is the Source of a room's ring.
type roomHistory struct {
	Replayer
	engine *Engine
	room   *room
	keep   time.Duration
}

func (h roomHistory) Latest(ctx context.Context, n int) ([]*chat.Frame, error) {
	return h.engine.o.History.Latest(ctx, h.room.id, n, h.engine.now().Add(-h.keep))
}

func (h roomHistory) Delivered() recent.Delivered { return h.engine.lastDelivered(h.room) }

func (h roomHistory) Now() time.Time { return h.engine.now() }

// lastDelivered returns the last frame of the room that this node has delivered.
func (e *Engine) lastDelivered(r *room) recent.Delivered {
	if e.o.LastDelivered != nil {
		epoch, sequence, known := e.o.LastDelivered(r.id)
		return recent.Delivered{Epoch: epoch, Sequence: sequence, Known: known}
	}
	q := &r.sequencer
	q.mu.Lock()
	defer q.mu.Unlock()
	d := recent.Delivered{Epoch: r.born, Sequence: q.sequence, Known: true}
	if len(q.waiting) > 0 {
		d.Sequence = q.waiting[0].frame.Sequence - 1
	}
	return d
}

// defaultRingBytes is Options.RingBytes if that is 0.
const defaultRingBytes = 256 << 20

// boundRings bounds the memory of all rings.
func boundRings(e *Engine) {
	var all []*recent.Ring
	e.mu.RLock()
	for _, r := range e.rooms {
		if g := r.ring.Load(); g != nil {
			all = append(all, g)
		}
	}
	e.mu.RUnlock()
	recent.Bound(all, cmp.Or(e.o.RingBytes, defaultRingBytes), e.now())
}
