package messaging

import (
	"math"
	"time"
)

// erasure is the erasure of a user's messages that were sent up to a time. Until then, they
// may be under way.
type erasure struct{ sent, until int64 }

// EraseUser removes the user's messages from what an engine keeps for clients that join a
// room, or any room if roomID is empty: those that it has, and those that are under way and
// were sent up to sent. They were removed from the history before.
func EraseUser(e *Engine, roomID, userID string, sent time.Time) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for id, r := range e.rooms {
		if roomID != "" && roomID != id {
			continue
		}
		if g := r.ring.Load(); g != nil {
			g.erase(userID, sent, e.now())
		}
		if log := r.log.Load(); log != nil {
			log.Clear() // Clients that come back are told of a gap.
		}
	}
}

// erase removes a user's messages.
func (g *ring) erase(userID string, sent, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for user, e := range g.erased {
		if now.UnixNano() > e.until {
			delete(g.erased, user)
		}
	}
	if g.erased == nil {
		g.erased = map[string]erasure{}
	}
	g.erased[userID] = erasure{sent.UnixNano(), now.Add(inFlight).UnixNano()}
	g.remove(func(m *kept) bool { return m.user == userID })
}

// erases reports whether the message is one that was erased. The caller holds mu.
func (g *ring) erases(m *kept) bool {
	e, known := g.erased[m.user]
	return known && m.time <= e.sent
}

// Occupied returns which of the rooms have sessions on the engine's node.
func Occupied(e *Engine, roomIDs []string) (occupied []string) {
	for _, id := range roomIDs {
		r := e.find(id)
		if r == nil {
			continue
		}
		r.sessionsMu.Lock()
		if len(r.users) > 0 {
			occupied = append(occupied, id)
		}
		r.sessionsMu.Unlock()
		r.release(e)
	}
	return occupied
}

// Sent is a message that was delivered.
type Sent struct {
	ID   string
	Time time.Time
}

// SentBy returns the messages of a user that the engine keeps for clients that join the
// room, the oldest first, without those that were sent before since.
func SentBy(e *Engine, roomID, userID string, since time.Time) (sent []Sent) {
	r := e.find(roomID)
	if r == nil {
		return nil
	}
	defer r.release(e)
	g := r.ring.Load()
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.messages {
		if m := &g.messages[i]; m.user == userID && m.time >= nanoseconds(since) {
			sent = append(sent, Sent{m.id, time.Unix(0, m.time)})
		}
	}
	return sent
}

// nanoseconds is the time in Unix nanoseconds; the zero time is before all others.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return t.UnixNano()
}
