package messaging

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
)

// Point is a place in the order of a room's frames. The zero Point stands before all.
type Point struct {
	Epoch    uint64
	Sequence uint64
}

func (p Point) before(q Point) bool {
	return p.Epoch < q.Epoch || p.Epoch == q.Epoch && p.Sequence < q.Sequence
}

// kicks are the recent disconnects of users. Requests that a user's sessions made before
// the disconnect may be on their way to the room's home, or wait there for a review. The
// home refuses them by these records, so nothing of those sessions is delivered behind
// aws:DISCONNECT_USER. Sessions that joined later are not affected: a session knows the
// last kick that its node had delivered in the room when it joined.
type kicks struct {
	// count is how many there are. While it is 0, no lock is taken.
	count atomic.Int64

	mu     sync.RWMutex // guards the fields below
	byUser map[userInRoom][]*kick
	last   map[string]*kick // the last one that was delivered here, by room
	byAge  []*kick
}

type userInRoom struct{ room, user string }

// kick is the disconnect of one user.
type kick struct {
	userInRoom
	at        Point
	since     time.Time
	delivered bool // on this node
}

// The home refuses requests for kicksHold. A node remembers a kick for twice that time, so
// that sessions that join still know of a kick by which a home may judge them. kicksMax
// bounds the memory: 10 MB at most.
const (
	kicksHold = 30 * time.Second
	kicksMax  = 1 << 16
)

func newKicks() kicks {
	return kicks{byUser: make(map[userInRoom][]*kick), last: make(map[string]*kick)}
}

// number records a kick that this node, the room's home, has given its place.
func (k *kicks) number(f *chat.Frame, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.addLocked(f, now)
}

// settle takes the record back if the frame was not delivered: it has another place in the
// order then, or none.
func (k *kicks) settle(f *chat.Frame, err error) {
	if err != nil && !errors.Is(err, ErrMoved) {
		return // It may still be delivered.
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := userInRoom{f.RoomID, f.DisconnectUser}
	for _, r := range k.byUser[key] {
		if r.at == pointOf(f) && !r.delivered {
			k.removeLocked(r)
			return
		}
	}
}

// deliver records a kick that is delivered on this node. Sessions that join from now on
// are behind it.
func (k *kicks) deliver(f *chat.Frame, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.addLocked(f, now)
	r.delivered = true
	if last := k.last[f.RoomID]; last == nil || last.at.before(r.at) {
		k.last[f.RoomID] = r
	}
}

// addLocked returns the record of a kick, which it makes unless there is one.
func (k *kicks) addLocked(f *chat.Frame, now time.Time) *kick {
	key := userInRoom{f.RoomID, f.DisconnectUser}
	for _, r := range k.byUser[key] {
		if r.at == pointOf(f) {
			return r
		}
	}
	for len(k.byAge) >= kicksMax {
		k.removeOldestLocked()
	}
	r := &kick{userInRoom: key, at: pointOf(f), since: now}
	k.byUser[key] = append(k.byUser[key], r)
	k.byAge = append(k.byAge, r)
	k.count.Store(int64(len(k.byAge)))
	return r
}

func pointOf(f *chat.Frame) Point { return Point{f.Epoch, f.Sequence} }

func (k *kicks) removeLocked(r *kick) {
	all := slices.DeleteFunc(k.byUser[r.userInRoom], func(other *kick) bool { return other == r })
	if k.byUser[r.userInRoom] = all; len(all) == 0 {
		delete(k.byUser, r.userInRoom)
	}
	if k.last[r.room] == r {
		delete(k.last, r.room)
	}
}

func (k *kicks) removeOldestLocked() {
	k.removeLocked(k.byAge[0])
	k.byAge[0] = nil
	k.byAge = k.byAge[1:]
	k.count.Store(int64(len(k.byAge)))
}

// expire removes old records.
func (k *kicks) expire(now time.Time) {
	if k.count.Load() == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.byAge) > 0 && now.Sub(k.byAge[0].since) > 2*kicksHold {
		k.removeOldestLocked()
	}
}

// lastIn returns the last kick that was delivered here in the room.
func (k *kicks) lastIn(room string) Point {
	if k.count.Load() == 0 {
		return Point{}
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if r := k.last[room]; r != nil {
		return r.at
	}
	return Point{}
}

// ended reports whether the user of a session that joined at a Point was disconnected
// behind it.
func (k *kicks) ended(room, user string, joined Point, now time.Time) bool {
	if k.count.Load() == 0 {
		return false
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.ContainsFunc(k.byUser[userInRoom{room, user}], func(r *kick) bool {
		return joined.before(r.at) && now.Sub(r.since) < kicksHold
	})
}
