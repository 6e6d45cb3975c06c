package messaging

import (
	"context"
	"math"
	"time"

	"confab/internal/chat"
)

// Sent is a message that was delivered.
type Sent struct {
	ID   string
	Time time.Time
}

// SentBy returns the messages of a user that the engine keeps for clients that join the
// room, the oldest first, without those that were sent before since.
func SentBy(e *Engine, roomID, userID string, since time.Time) (sent []Sent) {
	r := e.find(roomID)
	if r == nil {
		return nil
	}
	defer r.release(e)
	g := r.kept.Ring()
	if g == nil {
		return nil
	}
	g.EachOf(userID, nanoseconds(since), func(id string, at int64) {
		sent = append(sent, Sent{id, time.Unix(0, at)})
	})
	return sent
}

// nanoseconds is the time in Unix nanoseconds; the zero time is before all others.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return t.UnixNano()
}

// Erased tells clients of the messages that were erased.
type Erased struct{ *Engine }

// DeleteMessage is Engine.DeleteMessage as a part of an erasure, which is no act of
// moderation of its own. onlyUser is who alone got the message, or "" if all did.
func (e Erased) DeleteMessage(ctx context.Context, roomID, messageID, onlyUser, by string) error {
	_, err := e.askHome(ctx, Operation{Action: chat.ActionDeleteMessage, RoomID: roomID, Target: messageID, OnlyUser: onlyUser, By: by, FromServer: true})
	return err
}
