// Package enforce enforces bans and content filters in live rooms: it ends the sessions that
// a ban forbids, and applies content filters to messages. In rooms with the tag
// confab:disconnect-ban, it bans the users that a moderator disconnects.
package enforce

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/ending"
	"confab/internal/messaging"
	"confab/internal/moderation"
)

// Start puts the bans in force, which must be before the first client. tell is
// moderation.Hooks.Tell.
func Start(ctx context.Context, bans *moderation.Bans, e *messaging.Engine, log *slog.Logger, tell func(ctx context.Context, changes []byte)) error {
	err := bans.Start(ctx, moderation.Hooks{Tell: tell, Enforce: func(ctx context.Context, b *moderation.Ban) {
		End(ctx, messaging.RosterOf(e), b, log)
	}})
	if err != nil {
		return fmt.Errorf("read the bans: %w", err)
	}
	return nil
}

// eventWithin bounds the wait until aws:DISCONNECT_USER ends a user's sessions. After that
// they are ended without the event.
const eventWithin = 500 * time.Millisecond

// eventLasts is how long after a ban rooms are certain to know its event. A server that learns of
// the ban later, as after a suspension, asks for a new event: no id has two contents.
const eventLasts = 30 * time.Second

// End ends the sessions on this node that the ban forbids. Sessions of a banned user end
// after the event aws:DISCONNECT_USER, which also voids the user's places: a banned user does
// not catch up later. All nodes that have such sessions or places ask for this event under the
// same id, so the room gets it once.
func End(ctx context.Context, live messaging.Roster, b *moderation.Ban, log *slog.Logger) {
	rooms := []string{b.RoomID}
	if b.RoomID == "" {
		rooms = live.Reach(b.UserID)
	}
	why := ending.Kicked
	if b.Reason != "" {
		why.CloseReason = b.Reason
	}
	match := func(netip.Addr) bool { return true }
	if b.UserID == "" {
		match = func(ip netip.Addr) bool { return b.Range.Contains(ip.Unmap()) }
	}
	var ending sync.WaitGroup
	for _, id := range rooms {
		found := live.Connections(id, b.UserID, match)
		if len(found) == 0 && (b.UserID == "" || !live.Expects(ctx, id, b.UserID)) {
			continue
		}
		ending.Go(func() {
			if b.UserID != "" {
				disconnect(ctx, live, b, id, log)
			}
			for _, s := range found {
				s.End(why)
			}
		})
	}
	ending.Wait()
}

// disconnect delivers aws:DISCONNECT_USER, which ends the user's sessions on all nodes.
func disconnect(ctx context.Context, live messaging.Roster, b *moderation.Ban, roomID string, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, eventWithin)
	defer cancel()
	id := b.ID
	switch {
	case !b.CreateTime.IsZero() && time.Since(b.CreateTime) > eventLasts:
		id = chat.NewID()
	case b.RoomID == "":
		id = chat.DerivedID(b.ID, roomID)
	}
	if err := live.Disconnect(ctx, id, roomID, b.UserID, b.Reason); err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "Sessions of a banned user end without an event", slog.String("room", roomID), slog.Any("error", err))
	}
}

// banWithin and noteWithin bound how long Disconnected waits for the database.
const (
	banWithin  = 5 * time.Second
	noteWithin = time.Second
)

// Disconnects stores who was disconnected from rooms without history: *history.DB. Chat
// tokens that were issued before are not accepted instead of a signature any more.
type Disconnects interface {
	NoteDisconnect(ctx context.Context, roomID, userID string, at time.Time) error
}

// Disconnected returns the function for messaging.Options.Disconnected. In a room with the
// tag confab:disconnect-ban it bans the user, with the id of the event; in other rooms it
// only stores the disconnect.
func Disconnected(bans *moderation.Bans, disconnects Disconnects, log *slog.Logger) func(context.Context, *messaging.Operation, *chat.Room, time.Duration) error {
	return func(ctx context.Context, op *messaging.Operation, room *chat.Room, d time.Duration) error {
		if d == 0 {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
			defer cancel()
			if err := disconnects.NoteDisconnect(ctx, op.RoomID, op.Target, op.Received); err != nil {
				log.LogAttrs(ctx, slog.LevelWarn, "Disconnect not recorded; older chat tokens of the user are still accepted by operations",
					slog.String("room", op.RoomID), slog.Any("error", err))
			}
			return nil // The user is disconnected all the same.
		}
		by := op.By
		if by == "" && op.UserID != "" {
			by = room.ARN.String() + "/" + op.UserID
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), banWithin)
		defer cancel()
		ban := &moderation.Ban{ID: op.ID, Type: moderation.TypeBan, RoomID: op.RoomID, UserID: op.Target, Reason: op.Reason, CreatedBy: by}
		if err := bans.Create(ctx, ban, d); err != nil {
			log.LogAttrs(ctx, slog.LevelError, "A disconnected user could not be banned", slog.String("room", op.RoomID), slog.Any("error", err))
			return chat.Errorf(chat.Unavailable, "The user was disconnected, but could not be banned; try again")
		}
		return nil
	}
}
