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
	// bytes is about the memory of the messages.
	bytes int64
	// joined is when a connection last asked for messages.
	joined time.Time
	// deleted are the last messages that were deleted, also while the ring has none: the
	// history may not know it yet.
	deleted recent
	erased  *erasures // of the room
	// filling is held while the history is read.
	filling sync.Mutex
}

// kept is a message as later connections get it.
type kept struct {
	id    string
	user  string // who sent it
	time  int64  // in nanoseconds
	frame []byte // as Replayer.AppendFrame made it
	late  bool   // while it is merged: it may still be delivered
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
	// keptOverhead is roughly the memory of a message besides its frame.
	keptOverhead = 128
)

func (m *kept) size() int64 { return int64(len(m.frame) + keptOverhead) }

// deliver delivers the frame and keeps it if it is a message.
func (g *ring) deliver(to Replayer, f *chat.Frame) int { return to.DeliverAnd(f.JSON, g.keep(to, f)) }

// keep returns the function that keeps a frame when it is delivered.
func (g *ring) keep(to Replayer, f *chat.Frame) func() {
	var m kept
	if f.Type == chat.MessageFrame {
		m = kept{id: f.ID, user: f.UserID, time: f.Time.UnixNano(), frame: replayed(to, f.JSON)}
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case m.frame != nil && g.erased.has(m.user, m.time):
		case m.frame != nil:
			if len(g.messages) >= ringMost {
				g.set(append(g.messages[:0:0], g.messages[len(g.messages)-ringSize+1:]...))
				g.complete = true
			}
			g.messages = append(g.messages, m)
			g.bytes += m.size()
		case f.Action == chat.ActionDeleteMessage:
			g.drop(deletedMessage(f.JSON))
		}
	}
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

// restart removes all messages before the room's first session: some between them may not
// have been delivered here.
func (g *ring) restart() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set(nil)
	g.complete, g.filled = false, time.Time{}
}

// drop removes a message. The caller holds mu.
func (g *ring) drop(id string) {
	g.deleted.add(id)
	g.remove(func(m *kept) bool { return m.id == id })
}

// remove removes messages. The caller holds mu.
func (g *ring) remove(gone func(m *kept) bool) {
	n := len(g.messages)
	left := slices.DeleteFunc(g.messages, func(m kept) bool { return gone(&m) })
	if len(left) < n {
		g.set(left)
		g.complete = false // An older message takes the place.
	}
}

// removeUser removes the messages of a user.
func (g *ring) removeUser(userID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(func(m *kept) bool { return m.user == userID })
}

// set replaces the messages. The caller holds mu.
func (g *ring) set(messages []kept) {
	g.messages, g.bytes = messages, 0
	for i := range messages {
		g.bytes += messages[i].size()
	}
}

// latest returns the frames of the newest n messages, without those that are older than
// oldest. The frames are shared.
func (g *ring) latest(n int, oldest int64, now time.Time) [][]byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joined = now
	some := g.messages[max(len(g.messages)-n, 0):]
	for len(some) > 0 && some[0].time < oldest {
		some = some[1:]
	}
	frames := make([][]byte, len(some))
	for i := range some {
		frames[i] = some[i].frame
	}
	return frames
}

// fill adds the messages of the history that were delivered before the ring existed, if
// it lacks some. Without an answer of the database, clients join without them.
func (e *Engine) fill(ctx context.Context, r *room, g *ring, keep time.Duration) {
	g.mu.Lock()
	g.joined = e.now()
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
	g.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fillWithin)
	defer cancel()
	older, err := e.o.History.Latest(ctx, r.id, ringSize, e.now().Add(-keep))
	delivered := e.lastDelivered(r) // This comes after the reading: what the reading lacks is newer.

	to := r.audience.(Replayer) //nolint:forcetypeassert // A room without a Replayer has no ring.
	now := e.now()
	skipped := false
	all := make([]kept, 0, len(older))
	for _, f := range older {
		m := kept{id: f.ID, user: f.UserID, time: f.Time.UnixNano(), late: !delivered.has(f, now)}
		skipped = skipped || m.late
		m.frame = replayed(to, f.JSON)
		all = append(all, m)
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	g.filled = now
	if err != nil {
		e.o.Metrics.HistoryUnavailable.Inc()
		e.o.Log.LogAttrs(ctx, slog.LevelWarn, "Clients join without history, which could not be read", slog.String("room", r.id), slog.Any("error", err))
		return
	}
	g.merge(all)
	// What may be on its way is either delivered soon, or was before: it is looked at again.
	g.complete = !skipped
}

// merge puts the messages of the history in front of those that were delivered since. The
// history has the room's order, also of messages that the ring has already. A message that
// is late, and is not in the ring, is left out. The caller holds mu.
func (g *ring) merge(older []kept) {
	present := make(map[string]bool, len(g.messages))
	for i := range g.messages {
		present[g.messages[i].id] = true
	}
	taken := make(map[string]bool, len(older))
	var all []kept
	for _, m := range older {
		if !taken[m.id] && !g.deleted.has(m.id) && !g.erased.has(m.user, m.time) && (!m.late || present[m.id]) {
			taken[m.id] = true
			all = append(all, m)
		}
	}
	// Behind the last message that both have, the ring has newer ones.
	from := len(g.messages)
	for from > 0 && !taken[g.messages[from-1].id] {
		from--
	}
	all = append(all, g.messages[from:]...)
	g.set(slices.Clone(all[max(len(all)-ringSize, 0):]))
}

// lastDelivered is the last frame of a room that this node has delivered, or has passed
// by because the room was not live here.
type lastDelivered struct {
	epoch, sequence uint64
	known           bool
}

// has reports whether the frame was delivered here, or before the room became live here,
// and so will not come live. The position decides. Where it is not known, or may be that of
// another kind of server, a frame that is old enough is not on its way.
func (d lastDelivered) has(f *chat.Frame, now time.Time) bool {
	if d.known && f.Epoch <= d.epoch {
		return f.Epoch < d.epoch || f.Sequence <= d.sequence
	}
	return now.Sub(f.Time) > inFlight
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
