package traces

import (
	"sync"
	"sync/atomic"
	"time"
)

// inFlight is how long an attempt that began before an erasure may last.
const inFlight = time.Minute

// erasing has the users whose attempts were erased recently. Attempts that were on their
// way then are not remembered.
type erasing struct {
	// count is how many there are. While it is 0, no lock is taken.
	count atomic.Int64

	mu     sync.Mutex            // guards byUser. It may be taken with a log locked.
	byUser map[subject]time.Time // the time up to which attempts are erased
	until  time.Time             // after this time no attempt can be from before the erasures
}

// subject is a user in a room, or in all rooms if room is empty.
type subject struct{ room, user string }

// has reports whether the attempt is erased.
func (e *erasing) has(roomID string, a *Attempt) bool {
	if e.count.Load() == 0 {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if a.Time.After(e.until) {
		clear(e.byUser)
		e.count.Store(0)
	}
	for _, room := range [...]string{roomID, ""} {
		if sent, ok := e.byUser[subject{room, a.UserID}]; ok && !a.Time.After(sent) {
			return true
		}
	}
	return false
}

// add adds a user.
func (e *erasing) add(who subject, sent, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byUser == nil {
		e.byUser = map[subject]time.Time{}
	}
	e.byUser[who], e.until = sent, now.Add(inFlight)
	e.count.Store(int64(len(e.byUser)))
}

// Erase removes the attempts of a user in a room, or in all rooms if roomID is empty: those
// that are recorded, and those in progress of messages that were sent up to sent.
func (m *Memory) Erase(roomID, userID string, sent, now time.Time) {
	if m == nil {
		return
	}
	m.erasing.add(subject{roomID, userID}, sent, now)
	if roomID != "" {
		if l := m.find(roomID); l != nil {
			l.remove(m, userID)
		}
		return
	}
	m.mu.Lock()
	all := make([]*log, 0, len(m.rooms))
	for _, l := range m.rooms {
		all = append(all, l)
	}
	m.mu.Unlock()
	for _, l := range all {
		l.remove(m, userID)
	}
}
