// Package kicks remembers the recent disconnects of users (kicks).
//
// When a user is disconnected, requests of the user's sessions may be on their way to the
// room's home, or wait there for a review. The home refuses them by these records, so
// nothing of those sessions is delivered after aws:DISCONNECT_USER. Sessions that join later
// are not affected: each session knows the last kick that its node had delivered in the room
// when it joined.
package kicks

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
)

// Recent has the recent kicks in the rooms of one node. Its methods may be called from any
// goroutine.
type Recent struct {
	// count is the number of kicks. While it is 0, no lock is taken.
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
	id        string // of its event
	at        chat.Point
	since     time.Time
	delivered bool // it was delivered on this node
}

// A home refuses requests for hold. A node remembers a kick for twice that time, so that
// sessions that join still know of a kick by which a home may judge them. most bounds the
// memory: 10 MB at most.
const (
	hold = 30 * time.Second
	most = 1 << 16
)

// New returns a Recent without kicks.
func New() *Recent {
	return &Recent{byUser: make(map[userInRoom][]*kick), last: make(map[string]*kick)}
}

// Number records a kick to whose frame this node, the room's home, has given a number.
func (k *Recent) Number(f *chat.Frame, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.addLocked(f, now)
}

// Withdraw removes the record that Number made, unless the frame was delivered here. It is
// called when the frame will not be delivered with this number.
func (k *Recent) Withdraw(f *chat.Frame) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := userInRoom{f.RoomID, f.DisconnectUser}
	for _, r := range k.byUser[key] {
		if r.at == f.Point() && !r.delivered {
			k.removeLocked(r)
			return
		}
	}
}

// Deliver records a kick whose frame this node has delivered. It ends no session that joins
// after the call.
func (k *Recent) Deliver(f *chat.Frame, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.addLocked(f, now)
	r.delivered = true
	if last := k.last[f.RoomID]; last == nil || last.at.Before(r.at) {
		k.last[f.RoomID] = r
	}
}

// Delivered reports whether this node has delivered the kick whose event has the id of f. The
// event of a ban may be asked for again, and official clients drop a frame whose id they know.
func (k *Recent) Delivered(f *chat.Frame) bool {
	if k.count.Load() == 0 {
		return false
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.ContainsFunc(k.byUser[userInRoom{f.RoomID, f.DisconnectUser}], func(r *kick) bool {
		return r.delivered && r.id == f.ID
	})
}

// addLocked returns the record of a kick. It makes one if there is none.
func (k *Recent) addLocked(f *chat.Frame, now time.Time) *kick {
	key := userInRoom{f.RoomID, f.DisconnectUser}
	for _, r := range k.byUser[key] {
		if r.at == f.Point() {
			return r
		}
	}
	for len(k.byAge) >= most {
		k.removeOldestLocked()
	}
	r := &kick{userInRoom: key, id: f.ID, at: f.Point(), since: now}
	k.byUser[key] = append(k.byUser[key], r)
	k.byAge = append(k.byAge, r)
	k.count.Store(int64(len(k.byAge)))
	return r
}

func (k *Recent) removeLocked(r *kick) {
	all := slices.DeleteFunc(k.byUser[r.userInRoom], func(other *kick) bool { return other == r })
	if k.byUser[r.userInRoom] = all; len(all) == 0 {
		delete(k.byUser, r.userInRoom)
	}
	if k.last[r.room] == r {
		delete(k.last, r.room)
	}
}

func (k *Recent) removeOldestLocked() {
	k.removeLocked(k.byAge[0])
	k.byAge[0] = nil
	k.byAge = k.byAge[1:]
	k.count.Store(int64(len(k.byAge)))
}

// Expire removes old records.
func (k *Recent) Expire(now time.Time) {
	if k.count.Load() == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.byAge) > 0 && now.Sub(k.byAge[0].since) > 2*hold {
		k.removeOldestLocked()
	}
}

// LastIn returns the last kick that was delivered here in the room.
func (k *Recent) LastIn(room string) chat.Point {
	if k.count.Load() == 0 {
		return chat.Point{}
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if r := k.last[room]; r != nil {
		return r.at
	}
	return chat.Point{}
}

// Ended reports whether the user of a session was disconnected after it joined. joined is
// what LastIn returned then.
func (k *Recent) Ended(room, user string, joined chat.Point, now time.Time) bool {
	if k.count.Load() == 0 {
		return false
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.ContainsFunc(k.byUser[userInRoom{room, user}], func(r *kick) bool {
		return joined.Before(r.at) && now.Sub(r.since) < hold
	})
}
