package history

import (
	"context"
	"time"

	"confab/internal/chat"
)

// ForJoins is the history as clients that join rooms need it.
type ForJoins struct{ *DB }

// Latest returns the newest n messages of a room.
func (l ForJoins) Latest(ctx context.Context, roomID string, n int, notBefore time.Time) ([]*chat.Frame, error) {
	messages, err := l.DB.Latest(ctx, roomID, n, notBefore)
	frames := make([]*chat.Frame, len(messages))
	for i := range messages {
		m := &messages[i]
		frames[i] = &chat.Frame{
			RoomID: roomID, Epoch: m.Epoch, Sequence: m.Sequence, ID: m.ID, Type: m.Type, Action: m.Action,
			Time: m.SendTime, JSON: m.Frame, UserID: m.UserID,
		}
	}
	return frames, err
}
