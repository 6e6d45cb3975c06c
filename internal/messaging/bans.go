package messaging

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"confab/internal/chat"
)

// Bans are who may not be in a room, may not speak there, or is not read by others. Its checks do no I/O.
type Bans interface {
	// Banned returns AccessDenied, with words for the person, if the user or the address
	// may not be in the room.
	Banned(roomID, userID string, ip netip.Addr) error
	// Forbids is Banned for a request of a session, which may send a message.
	Forbids(roomID, userID, ip string, sends bool) error
	// Hides reports whether others get none of the messages that a session sends.
	Hides(roomID, userID, ip string) bool
}

// banning is what an engine does about bans. Package enforce does the rest.
type banning struct{ *Engine }

// forbids returns why a ban refuses a session's operation. Its node and the home ask.
func (e banning) forbids(op *Operation) error {
	if e.o.Bans == nil || op.UserID == "" || op.FromServer {
		return nil
	}
	return e.o.Bans.Forbids(op.RoomID, op.UserID, op.SenderIP, op.Action == chat.ActionSendMessage)
}

// refuses returns why a user may not join a room; nil if the user may.
func (e banning) refuses(t *chat.Token, ip netip.Addr) error {
	if e.o.Bans == nil {
		return nil
	}
	return e.o.Bans.Banned(t.Room.ID, t.UserID, ip)
}

// disconnected tells that a moderator has disconnected a user, in a room with the tag
// confab:disconnect-ban or without history, and returns the outcome of the operation.
func (e banning) disconnected(ctx context.Context, op *Operation, outcome error) error {
	if outcome != nil || op.Action != chat.ActionDisconnectUser || op.FromServer || e.o.Disconnected == nil {
		return outcome
	}
	r, settings, err := e.acquire(ctx, op.RoomID, op.Room)
	if err != nil {
		return err
	}
	defer r.release(e.Engine)
	x := &r.state.Load().extensions
	if x.DisconnectBan == 0 && x.History > 0 {
		return nil // The transcript has the event.
	}
	kept := *op // Other operations need not be allocated.
	return e.o.Disconnected(ctx, &kept, settings, x.DisconnectBan)
}

// Sessions returns the sessions in a room that match, of one user, or of all for userID "".
func (o Roster) Sessions(roomID, userID string, match func(ip netip.Addr) bool) (found []*Session) {
	r := o.engine.find(roomID)
	if r == nil {
		return nil
	}
	defer r.release(o.engine)
	r.sessionsMu.Lock()
	defer r.sessionsMu.Unlock()
	users := maps.Values(r.users)
	if userID != "" {
		users = slices.Values([]*Session{r.users[userID]})
	}
	for s := range users {
		for ; s != nil; s = s.next {
			if match(s.ip) {
				found = append(found, s)
			}
		}
	}
	return found
}

// Disconnect delivers the event of a ban with an id. All nodes may: the room gets it once.
func (o Roster) Disconnect(ctx context.Context, id, roomID, userID, reason string) error {
	_, err := o.engine.home.Do(ctx, Operation{
		Action: chat.ActionDisconnectUser, RoomID: roomID, Target: userID, Reason: reason, FromServer: true, Received: o.engine.now(), ID: id,
	})
	return err
}

// End ends the session's connection as why specifies.
func (s *Session) End(why Ending) { s.conn.End(why) }
