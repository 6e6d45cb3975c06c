package messaging

import (
	"maps"
	"slices"
	"time"

	"confab/internal/chat"
)

// Roster tells who is in the rooms on this node.
type Roster struct{ engine *Engine }

// RosterOf returns the Roster of an engine.
func RosterOf(e *Engine) Roster { return Roster{e} }

// LiveRooms returns the ids of the rooms that are live on this node.
func (o Roster) LiveRooms() []string { return o.engine.LiveRooms() }

// look calls f with the sessions of a live room locked.
func (o Roster) look(roomID string, f func(r *room)) {
	r := o.engine.find(roomID)
	if r == nil {
		return
	}
	defer r.release(o.engine)
	r.sessionsMu.Lock()
	defer r.sessionsMu.Unlock()
	f(r)
}

// CountUsers returns how many users and connections a room has on this node.
func (o Roster) CountUsers(roomID string) (users, connections int) {
	o.look(roomID, func(r *room) { users, connections = len(r.users), r.sessions })
	return users, connections
}

// UserIDs returns the users of a room on this node, in no order, and how many connections
// they have.
func (o Roster) UserIDs(roomID string) (ids []string, connections int) {
	o.look(roomID, func(r *room) {
		ids, connections = make([]string, 0, len(r.users)), r.sessions
		for id := range r.users {
			ids = append(ids, id)
		}
	})
	return ids, connections
}

// EachSession calls f for each session of these users, with its token, which must not be
// changed, and when it joined. f must not call the engine.
func (o Roster) EachSession(roomID string, userIDs []string, f func(t *chat.Token, since time.Time)) {
	o.look(roomID, func(r *room) {
		for _, id := range userIDs {
			for s := r.users[id]; s != nil; s = s.next {
				f(&s.token, s.since)
			}
		}
	})
}

// Attendance is who is in a room on this node.
type Attendance struct {
	// Room must not be changed. It is nil if the room cannot be read.
	Room *chat.Room
	// Version changes with UserIDs and Connections. UserIDs is nil, and Same is set, if the
	// caller knows the version.
	Version     uint64
	Same        bool
	UserIDs     []string
	Connections int
}

// Attendance returns who is in a room on this node, and whether it is live. known is the
// version that the caller knows, or 0.
func (o Roster) Attendance(roomID string, known uint64) (a Attendance, live bool) {
	o.look(roomID, func(r *room) {
		live = true
		if s := r.state.Load(); s != nil {
			a.Room = s.settings
		}
		a.Version, a.Connections = r.born+r.moves, r.sessions
		if a.Same = a.Version == known; !a.Same {
			a.UserIDs = slices.Collect(maps.Keys(r.users))
		}
	})
	return a, live
}
