package messaging

import "time"

// erasure is the erasure of a user's messages that were sent up to a time. Until then, they
// may be under way.
type erasure struct{ sent, until int64 }

// EraseUser removes the user's messages from what an engine keeps for clients that join a
// room, and from the traces of a room, or any room if roomID is empty: those that it has, and those that are under way and
// were sent up to sent. They were removed from the history before.
func EraseUser(e *Engine, roomID, userID string, sent time.Time) {
	e.o.Traces.Erase(roomID, userID, sent, e.now())
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
