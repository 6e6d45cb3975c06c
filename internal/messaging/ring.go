package messaging

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
)

// ring holds a room's latest messages for connections that join, oldest first. Messages
// enter it where they are delivered, so a connection's replay ends exactly where its live
// frames begin. What was delivered before the ring existed comes from the history, once.
type ring struct {
	// mu guards all fields. It is taken under the lock of the room's Audience, so no
	// other lock is taken under it.
	mu       sync.Mutex
	messages []kept
	// complete is set when the messages reach back to ringSize, or to the room's first.
	complete bool
	// filled is when the history was last read.
	filled time.Time
	// deleted are the messages that were deleted since reading began; nil if no reading
	// is under way.
	deleted map[string]bool
	// replay is the last result of latest, for lastOf.
	replay []byte
	lastOf replayOf

	// filling is held while the history is read.
	filling sync.Mutex
}

// kept is a message as later connections get it.
type kept struct {
	id    string
	time  int64  // in nanoseconds
	frame []byte // as Replayer.AppendFrame made it
}

// replayOf says which messages a replay has: count of them, up to the one with the id.
type replayOf struct {
	count int
	last  string
}

const (
	ringSize = chat.MaxHistoryOnJoin
	// ringMost is how many messages there may be for a moment, so that they are moved
	// rarely.
	ringMost = ringSize + ringSize/4
	// fillEvery is the least time between two readings of the history for one room.
	fillEvery = time.Second
	// inFlight is how long a frame may take from the transcript to all nodes.
	inFlight = 10 * time.Second
	// fillWithin bounds one reading. Clients join without history when it is over.
	fillWithin = 2 * time.Second
)

// deliver delivers the frame and keeps it if it is a message.
func (g *ring) deliver(to Replayer, f *chat.Frame) int {
	var m kept
	if f.Type == chat.MessageFrame {
		m = kept{id: f.ID, time: f.Time.UnixNano(), frame: replayed(to, f.JSON)}
	}
	return to.DeliverAnd(f.JSON, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case m.frame != nil:
			if len(g.messages) >= ringMost {
				g.messages = append(g.messages[:0:0], g.messages[len(g.messages)-ringSize+1:]...)
				g.complete = true
			}
			g.messages = append(g.messages, m)
		case f.Action == chat.ActionDeleteMessage:
			g.drop(deletedMessage(f.JSON))
		}
	})
}

// replayed is a message's frame as a connection gets it that was not there.
func replayed(to Replayer, frame []byte) []byte {
	return to.AppendFrame(nil, chat.AppendWithoutRequestID(nil, frame))
}

// deletedMessage returns the id in an aws:DELETE_MESSAGE event.
func deletedMessage(event []byte) string {
	var e struct{ Attributes struct{ MessageID string } }
	if json.Unmarshal(event, &e) != nil {
		return ""
	}
	return e.Attributes.MessageID
}

// drop removes a message. The caller holds mu.
func (g *ring) drop(id string) {
	if g.deleted != nil {
		g.deleted[id] = true
	}
	n := len(g.messages)
	g.messages = slices.DeleteFunc(g.messages, func(m kept) bool { return m.id == id })
	if len(g.messages) < n {
		g.complete = false // An older message takes the place.
	}
	g.lastOf = replayOf{}
}

// latest returns the frames of the newest n messages, without those that are older than
// oldest. The result is shared.
func (g *ring) latest(n int, oldest int64) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	some := g.messages[max(len(g.messages)-n, 0):]
	for len(some) > 0 && some[0].time < oldest {
		some = some[1:]
	}
	if len(some) == 0 {
		return nil
	}
	of := replayOf{len(some), some[len(some)-1].id}
	if of != g.lastOf {
		g.replay, g.lastOf = nil, of
		for _, m := range some {
			g.replay = append(g.replay, m.frame...)
		}
	}
	return g.replay
}

// fill adds the messages of the history that were delivered before the ring existed, if
// it lacks some. Without an answer of the database, clients join without them.
func (e *Engine) fill(ctx context.Context, r *room, g *ring, keep time.Duration) {
	g.mu.Lock()
	ready := g.complete || e.now().Sub(g.filled) < fillEvery
	g.mu.Unlock()
	if ready {
		return
	}
	g.filling.Lock() // Those who wait here get the answer of the first.
	defer g.filling.Unlock()
	g.mu.Lock()
	if g.complete || e.now().Sub(g.filled) < fillEvery {
		g.mu.Unlock()
		return
	}
	g.deleted = map[string]bool{}
	g.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fillWithin)
	defer cancel()
	older, err := e.o.History.Latest(ctx, r.id, ringSize, e.now().Add(-keep))
	delivered := e.lastDelivered(r) // This comes after the reading: what the reading lacks is newer.

	g.mu.Lock()
	defer g.mu.Unlock()
	deleted := g.deleted
	g.deleted, g.filled = nil, e.now()
	if err != nil {
		e.o.Metrics.HistoryUnavailable.Inc()
		e.o.Log.LogAttrs(ctx, slog.LevelWarn, "Clients join without history, which could not be read", slog.String("room", r.id), slog.Any("error", err))
		return
	}
	g.add(r, older, deleted, delivered, e.now())
}

// add puts messages of the history in front of those that were delivered since.
func (g *ring) add(r *room, older []*chat.Frame, deleted map[string]bool, delivered lastDelivered, now time.Time) {
	known := make(map[string]bool, len(g.messages))
	for i := range g.messages {
		known[g.messages[i].id] = true
	}
	to := r.audience.(Replayer) //nolint:forcetypeassert // A room without a Replayer has no ring.
	var all []kept
	for _, f := range older {
		if !known[f.ID] && !deleted[f.ID] && delivered.has(f, now) {
			all = append(all, kept{id: f.ID, time: f.Time.UnixNano(), frame: replayed(to, f.JSON)})
		}
	}
	g.messages = append(all, g.messages...)
	if n := len(g.messages); n > ringSize {
		g.messages = slices.Clone(g.messages[n-ringSize:])
	}
	g.complete = true
	g.lastOf = replayOf{}
}

// lastDelivered is the last frame of a room that this node has delivered, or has passed
// by because the room was not live here.
type lastDelivered struct {
	epoch, sequence uint64
	known           bool
}

// has reports whether the frame was delivered here, or before the room became live here,
// and so will not come live. Epochs of different kinds of servers cannot be compared, but
// a frame that is old enough is not on its way.
func (d lastDelivered) has(f *chat.Frame, now time.Time) bool {
	if now.Sub(f.Time) > inFlight {
		return true
	}
	return d.known && (f.Epoch < d.epoch || f.Epoch == d.epoch && f.Sequence <= d.sequence)
}

// lastDelivered returns how far this node is in the room's order.
func (e *Engine) lastDelivered(r *room) lastDelivered {
	if e.o.LastDelivered != nil {
		epoch, sequence, known := e.o.LastDelivered(r.id)
		return lastDelivered{epoch, sequence, known}
	}
	q := &r.sequencer
	q.mu.Lock()
	defer q.mu.Unlock()
	d := lastDelivered{epoch: r.born, sequence: q.sequence, known: true}
	if len(q.waiting) > 0 {
		d.sequence = q.waiting[0].frame.Sequence - 1
	}
	return d
}
