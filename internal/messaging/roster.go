package messaging

import (
	"context"
	"net/netip"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/members"
)

// Roster tells who is in the rooms on this node.
type Roster struct{ engine *Engine }

// RosterOf returns the Roster of an engine.
func RosterOf(e *Engine) Roster { return Roster{e} }

// LiveRooms returns the ids of the rooms that are live on this node.
func (o Roster) LiveRooms() []string { return o.engine.LiveRooms() }

// look calls f with a live room.
func (o Roster) look(roomID string, f func(r *room)) {
	if r := o.engine.find(roomID); r != nil {
		defer r.release(o.engine)
		f(r)
	}
}

// CountUsers returns how many users and connections a room has on this node.
func (o Roster) CountUsers(roomID string) (users, connections int) {
	o.look(roomID, func(r *room) { users, connections = r.members.Count() })
	return users, connections
}

// UserIDs returns the users of a room on this node, in no order, and how many connections
// they have.
func (o Roster) UserIDs(roomID string) (ids []string, connections int) {
	o.look(roomID, func(r *room) { ids, connections, _ = r.members.UserIDs(0) })
	return ids, connections
}

// EachSession calls f for each session of these users, with its bearer, which must not
// be changed, and when it joined. f must not call the engine.
func (o Roster) EachSession(roomID string, userIDs []string, f func(b *chat.Bearer, since time.Time)) {
	o.look(roomID, func(r *room) {
		r.members.Each(userIDs, func(m *members.Member) { f(&m.Bearer, m.Since) })
	})
}

// Connections returns the connections in a room from matching addresses, of one user, or of
// all for userID "".
func (o Roster) Connections(roomID, userID string, match func(ip netip.Addr) bool) (found []members.Conn) {
	o.look(roomID, func(r *room) { found = r.members.At(userID, match) })
	return found
}

// Reach returns the rooms that a ban of a user in all rooms is about: the live rooms, and those in
// which clients of the user may catch up behind a restart.
func (o Roster) Reach(userID string) []string {
	if p := o.engine.o.CatchUp.Places; p != nil {
		return append(o.LiveRooms(), p.Left("", userID)...)
	}
	return o.LiveRooms()
}

// Expects reports whether clients of a user that lost their connections may catch up in a room.
// If it is not live yet since a restart, it becomes live: only then its places can be voided.
func (o Roster) Expects(ctx context.Context, roomID, userID string) (expected bool) {
	if p := o.engine.o.CatchUp.Places; p != nil && len(p.Left(roomID, userID)) > 0 {
		CatchUps(o).Hold(ctx, roomID) //nolint:errcheck // Without the database there is no ban.
	}
	o.look(roomID, func(r *room) {
		if log := r.kept.Log(); log != nil {
			expected = catchup.Expects(log, userID)
		}
	})
	return expected
}

// Disconnect delivers the event of a ban with an id. All nodes may: the room gets it once.
func (o Roster) Disconnect(ctx context.Context, id, roomID, userID, reason string) error {
	_, err := o.engine.home.Do(ctx, Operation{
		Action: chat.ActionDisconnectUser, RoomID: roomID, Target: userID, Reason: reason, FromServer: true, Received: o.engine.now(), ID: id,
	})
	return err
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
		a.UserIDs, a.Connections, a.Version = r.members.UserIDs(known - r.born)
		a.Version += r.born
		a.Same = a.Version == known
	})
	return a, live
}
