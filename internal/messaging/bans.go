package messaging

import (
	"context"
	"net/netip"

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
