package messaging

import (
	"slices"
	"time"

	"confab/internal/chat"
)

// User is a user in a room on this node.
type User struct {
	UserID      string
	Connections int
	// Since is when the oldest of the connections joined.
	Since time.Time
	// Newest is when the newest joined, whose attributes are Attributes. They must not be
	// changed.
	Newest     time.Time
	Attributes map[string]string
	// Capabilities are those of all connections together.
	Capabilities []chat.Capability
}

// Roster tells who is in the rooms on this node.
type Roster struct{ engine *Engine }

// RosterOf returns the Roster of an engine.
func RosterOf(e *Engine) Roster { return Roster{e} }

// LiveRooms returns the ids of the rooms that are live on this node.
func (o Roster) LiveRooms() []string { return o.engine.LiveRooms() }

// CountUsers returns how many users and connections a room has on this node.
func (o Roster) CountUsers(roomID string) (users, connections int) {
	r := o.engine.find(roomID)
	if r == nil {
		return 0, 0
	}
	defer r.release(o.engine)
	r.sessionsMu.Lock()
	defer r.sessionsMu.Unlock()
	return len(r.users), r.sessions
}

// UserIDs returns the users of a room on this node, in no order, and how many connections
// they have.
func (o Roster) UserIDs(roomID string) (ids []string, connections int) {
	r := o.engine.find(roomID)
	if r == nil {
		return nil, 0
	}
	defer r.release(o.engine)
	r.sessionsMu.Lock()
	defer r.sessionsMu.Unlock()
	ids = make([]string, 0, len(r.users))
	for id := range r.users {
		ids = append(ids, id)
	}
	return ids, r.sessions
}

// Users returns those of the users that are in the room on this node.
func (o Roster) Users(roomID string, ids []string) []User {
	r := o.engine.find(roomID)
	if r == nil {
		return nil
	}
	defer r.release(o.engine)
	r.sessionsMu.Lock()
	defer r.sessionsMu.Unlock()
	all := make([]User, 0, len(ids))
	for _, id := range ids {
		u := User{UserID: id}
		for s := r.users[id]; s != nil; s = s.next {
			u.Add(&User{Connections: 1, Since: s.since, Newest: s.since, Attributes: s.token.Attributes, Capabilities: s.token.Capabilities})
		}
		if u.Connections > 0 {
			all = append(all, u)
		}
	}
	return all
}

// Add adds other connections of the same user.
func (u *User) Add(other *User) {
	if u.Connections == 0 || other.Since.Before(u.Since) {
		u.Since = other.Since
	}
	if u.Connections == 0 || other.Newest.After(u.Newest) {
		u.Newest, u.Attributes = other.Newest, other.Attributes
	}
	u.Connections += other.Connections
	have := chat.Token{Capabilities: u.Capabilities}
	for _, c := range other.Capabilities {
		if !have.Can(c) {
			have.Capabilities = append(slices.Clip(have.Capabilities), c)
		}
	}
	u.Capabilities = have.Capabilities
}
