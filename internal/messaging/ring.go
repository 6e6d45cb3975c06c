package messaging

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"confab/internal/chat"
	"confab/internal/recent"
	"confab/internal/replay"
)

// fill adds older messages, not older than keep, to the room's ring if it lacks some. If
// they cannot be read, clients join without them.
func (e *Engine) fill(ctx context.Context, r *room, g *recent.Ring, keep time.Duration) {
	if !g.Lacks(e.now()) {
		return
	}
	if err := g.Fill(ctx, roomHistory{r.kept.Audience(), e, r, keep}); err != nil {
		e.o.Metrics.HistoryUnavailable.Inc()
		e.o.Log.LogAttrs(ctx, slog.LevelWarn, "Clients join without history, which could not be read", slog.String("room", r.id), slog.Any("error", err))
	}
}

// roomHistory is the Source of a room's ring.
type roomHistory struct {
	replay.Audience
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
		return e.o.LastDelivered(r.id)
	}
	q := &r.sequencer
	q.Lock()
	defer q.Unlock()
	d := recent.Delivered{Epoch: r.born, Sequence: q.Sequence, Known: true}
	if f := q.Waiting.First(); f != nil {
		d.Sequence = f.Sequence - 1
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
		if g := r.kept.Ring(); g != nil {
			all = append(all, g)
		}
	}
	e.mu.RUnlock()
	recent.Bound(all, cmp.Or(e.o.RingBytes, defaultRingBytes), e.now())
}
