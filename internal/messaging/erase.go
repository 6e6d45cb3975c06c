package messaging

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
	"confab/internal/recent"
)

// erasures are the users whose messages were erased from a room. A message that was under
// way at that time is delivered, but not kept for clients that join or come back.
type erasures struct {
	adding sync.Mutex
	// users is nil unless there was an erasure. The map is replaced, never changed, because
	// it is read at each delivery.
	users atomic.Pointer[map[string]erasure]
}

// erasure is the erasure of a user's messages that were sent up to a time. They may be
// under way for recent.InFlight.
type erasure struct{ sent, until int64 }

// add notes the erasure of what the user has sent up to sent.
func (e *erasures) add(userID string, sent, now time.Time) {
	e.adding.Lock()
	defer e.adding.Unlock()
	users := map[string]erasure{}
	if before := e.users.Load(); before != nil {
		users = maps.Clone(*before)
	}
	maps.DeleteFunc(users, func(_ string, u erasure) bool { return now.UnixNano() > u.until })
	users[userID] = erasure{sent.UnixNano(), now.Add(recent.InFlight).UnixNano()}
	e.users.Store(&users)
}

// has reports whether a message of the user that was sent at this time, in nanoseconds, is
// one that was erased.
func (e *erasures) has(userID string, sent int64) bool {
	users := e.users.Load()
	if users == nil {
		return false
	}
	u, known := (*users)[userID]
	return known && sent <= u.sent
}

// hasFrame reports whether the frame is a message that was erased.
func (e *erasures) hasFrame(f *chat.Frame) bool {
	return f.Type == chat.MessageFrame && e.has(f.UserID, f.Time.UnixNano())
}

// EraseUser removes the user's messages from what an engine keeps for clients that join a
// room, and from the traces of a room, or any room if roomID is empty: those that it has, and those that are under way and
// were sent up to sent. They were removed from the history before.
func EraseUser(e *Engine, roomID, userID string, sent time.Time) {
	e.o.Rules.Traces.Erase(roomID, userID, sent, e.now())
	e.mu.RLock()
	defer e.mu.RUnlock()
	for id, r := range e.rooms {
		if roomID != "" && roomID != id {
			continue
		}
		g, log := r.ring.Load(), r.log.Load()
		if g == nil && log == nil {
			continue
		}
		r.erased.add(userID, sent, e.now())
		if g != nil {
			g.RemoveUser(userID)
		}
		if log != nil {
			log.Erase(userID)
		}
	}
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
