package replay

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
	"confab/internal/recent"
)

// erasures are the users whose messages were erased from a room. A message that was on its
// way at that time is delivered, but not kept for clients that join or come back.
type erasures struct {
	adding sync.Mutex
	// users is nil unless there was an erasure. The map is replaced, never changed, because
	// it is read at each delivery.
	users atomic.Pointer[map[string]erasure]
}

// erasure says that a user's messages of up to sent were erased. Such messages may still be
// on their way until the time until (recent.InFlight later).
type erasure struct{ sent, until int64 }

// add records that the user's messages of up to sent were erased.
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

// has reports whether a message that the user sent at this time, in nanoseconds, was
// erased.
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

// Erase removes the user's messages from what is kept: those that are there, and those that
// are under way and were sent up to sent.
func (r *Room) Erase(userID string, sent, now time.Time) {
	g, log := r.ring.Load(), r.log.Load()
	if g == nil && log == nil {
		return
	}
	r.erased.add(userID, sent, now)
	if g != nil {
		g.RemoveUser(userID)
	}
	if log != nil {
		log.Erase(userID)
	}
}
