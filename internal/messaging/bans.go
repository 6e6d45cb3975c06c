package messaging

import (
	"context"
	"net/netip"

	"confab/internal/chat"
)

// Bans are who may not be in a room, may not speak there, or is not read by others. Its checks do no I/O.
type Bans interface {
	// Banned returns AccessDenied, with a text for the user, if the user or the address may
	// not be in the room.
	Banned(roomID, userID string, ip netip.Addr) error
	// Forbids is like Banned, for a request of a session. sends is set if it would send a message.
	Forbids(roomID, userID, ip string, sends bool) error
	// Hides reports whether others get none of the messages that a session sends.
	Hides(roomID, userID, ip string) bool
}

// banning has the methods of an engine that ask about bans. Package enforce does the rest.
type banning struct{ *Engine }

// forbids returns the error with which a ban refuses a session's operation. The session's
// node calls it, and then the room's home.
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

// disconnected calls Options.Disconnected when a moderator has disconnected a user, in a room with
// the tag confab:disconnect-ban or without history, and returns the outcome of the operation.
func (e banning) disconnected(ctx context.Context, op *Operation, outcome error) error {
	if outcome != nil || !op.OutlastsFrame() || e.o.Disconnected == nil {
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
	kept := *op // A copy, so that op itself can stay on the stack.
	return e.o.Disconnected(ctx, &kept, settings, x.DisconnectBan)
}
