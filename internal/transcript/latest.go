package transcript

import (
	"context"
	"time"

	"confab/internal/chat"
)

// Latest returns the newest n messages that a room keeps and that are not older than
// notBefore, the oldest first. It implements messaging.History.
func (db *DB) Latest(ctx context.Context, roomID string, n int, notBefore time.Time) ([]*chat.Frame, error) {
	messages, err := db.o.History.Latest(ctx, roomID, n, notBefore)
	frames := make([]*chat.Frame, len(messages))
	for i := range messages {
		m := &messages[i]
		frames[i] = &chat.Frame{
			RoomID: roomID, Epoch: m.Epoch, Sequence: m.Sequence, ID: m.ID, Type: m.Type, Action: m.Action,
			Time: m.SendTime, JSON: m.Frame, UserID: m.UserID, Hidden: m.Hidden,
		}
	}
	return frames, err
}

// Sender implements messaging.History.
func (db *DB) Sender(ctx context.Context, roomID, messageID string) (userID string, hidden bool, err error) {
	return db.o.History.Sender(ctx, roomID, messageID)
}
