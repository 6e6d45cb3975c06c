package recent

import (
	"context"
	"time"

	"confab/internal/chat"
)

const (
	// fillEvery is the least time between two reads of the history of one room.
	fillEvery = time.Second
	// fillWithin bounds one read. Clients that wait join without history when it is over.
	fillWithin = 2 * time.Second
	// InFlight is how long a frame may take from the transcript to all nodes.
	InFlight = 10 * time.Second
)

// Delivered is the last frame of a room that a node has delivered, or has ignored because
// the room was not live there.
type Delivered struct {
	Epoch, Sequence uint64
	Known           bool
	// Lost, if not nil, reports whether an earlier frame is known not to be delivered: its home
	// was killed or suspended before that.
	Lost func(at chat.Point) bool
}

// has reports whether the frame will not be delivered on this node any more: it was
// delivered here, or before the room became live here. The position decides. If the
// position is unknown, or may be from a server of another kind, a frame counts as delivered
// once it is older than InFlight.
func (d Delivered) has(f *chat.Frame, now time.Time) bool {
	if d.Known && f.Epoch <= d.Epoch {
		return f.Epoch < d.Epoch || f.Sequence <= d.Sequence
	}
	return now.Sub(f.Time) > InFlight
}

// Lacks must be called when a client joins. It reports whether Fill should be called before
// the client gets messages.
func (g *Ring) Lacks(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.joined = now
	return g.lacksLocked(now)
}

func (g *Ring) lacksLocked(now time.Time) bool {
	return !g.complete && now.Sub(g.filled) >= fillEvery
}

// Fill adds the messages of the history that were delivered before the ring existed. The
// history is read at most once a second, whatever the outcome. Concurrent calls wait for one
// read, which does not depend on their contexts. Only the call that has read returns the
// error.
func (g *Ring) Fill(ctx context.Context, from Source) error {
	g.filling.Lock() // Calls that wait here use the result of the first.
	defer g.filling.Unlock()
	g.mu.Lock()
	lacks := g.lacksLocked(from.Now())
	g.mu.Unlock()
	if !lacks {
		return nil
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fillWithin)
	defer cancel()
	older, err := from.Latest(ctx, size)
	delivered := from.Delivered() // This comes after the read, so messages that the read lacks are newer than it.

	now := from.Now()
	skipped := false
	all := make([]message, 0, len(older))
	for _, f := range older {
		if delivered.Lost != nil && delivered.Lost(f.Point()) {
			skipped = true
			continue // If the message was asked for again, it has another place, which the ring knows.
		}
		m := message{id: f.ID, user: f.UserID, hides: f.Hidden, time: f.Time.UnixNano(), late: !delivered.has(f, now)}
		skipped = skipped || m.late
		m.frame = encode(from, f.JSON)
		all = append(all, m)
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	g.filled = now
	if err != nil {
		return err
	}
	g.mergeLocked(all)
	// A message may be on its way, or was delivered before. The next read decides that.
	g.complete = !skipped
	return nil
}

// mergeLocked puts the messages of the history before those that were delivered since.
// Messages that the ring already has get the order of the history, too. A message that may
// still be delivered, and is not in the ring, is left out.
func (g *Ring) mergeLocked(older []message) {
	present := make(map[string]bool, len(g.messages))
	for i := range g.messages {
		present[g.messages[i].id] = true
	}
	taken := make(map[string]bool, len(older))
	var all []message
	for _, m := range older {
		if !taken[m.id] && !g.deleted.has(m.id) && !g.erased(m.user, m.time) && (!m.late || present[m.id]) {
			taken[m.id] = true
			all = append(all, m)
		}
	}
	// The ring's messages after the last one that both have are newer.
	from := len(g.messages)
	for from > 0 && !taken[g.messages[from-1].id] {
		from--
	}
	all = append(all, g.messages[from:]...)
	g.setLocked(newest(all, size))
}
