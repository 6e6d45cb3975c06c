package history

import (
	"context"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// addDisconnects records which users the frames disconnect. The latest time of a user counts, which
// is not that of the last frame if the clocks of two nodes differ.
func addDisconnects(ctx context.Context, s sqldb.Session, frames []*chat.Frame) error {
	for _, f := range frames {
		if f.DisconnectUser == "" {
			continue
		}
		_, err := s.Exec(ctx, `INSERT INTO history_disconnects (room_id, user_id, time) VALUES ($1, $2, $3)
			ON CONFLICT (room_id, user_id) DO UPDATE SET time = excluded.time WHERE excluded.time > history_disconnects.time`, f.RoomID, []byte(f.DisconnectUser), f.Time.UnixNano())
		if err != nil {
			return err
		}
	}
	return nil
}

// NoteDisconnect records that a user was disconnected from a room, whose frames are not
// appended because it has no history.
func (db *DB) NoteDisconnect(ctx context.Context, roomID, userID string, at time.Time) error {
	return db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		return addDisconnects(ctx, s, []*chat.Frame{{RoomID: roomID, DisconnectUser: userID, Time: at}})
	})
}

// Disconnected reports whether the user was disconnected from the room at or after since,
// which must not be further in the past than chat.MaxSession and chat.MaxSkew together.
func (db *DB) Disconnected(ctx context.Context, roomID, userID string, since time.Time) (bool, error) {
	for _, f := range db.await(ctx, roomID) {
		if f.DisconnectUser == userID && !f.Time.Before(since) {
			return true, nil
		}
	}
	var one int
	return db.sql.Read().Row(ctx, `SELECT 1 FROM history_disconnects WHERE room_id = $1 AND user_id = $2 AND time >= $3`,
		[]any{roomID, []byte(userID), since.UnixNano()}, &one)
}

// pruneUsers forgets disconnections that no chat token is older than, and erasures that
// begin again anyway.
func (db *DB) pruneUsers(ctx context.Context) error {
	now, err := db.sql.Now(ctx)
	if err != nil {
		return err
	}
	return db.change(ctx, func(ctx context.Context, s sqldb.Session) error {
		if _, err := s.Exec(ctx, `DELETE FROM history_disconnects WHERE time < $1`, now.Add(-chat.MaxSession-chat.MaxSkew).UnixNano()); err != nil {
			return err
		}
		_, err := s.Exec(ctx, `DELETE FROM history_erasures WHERE time < $1`, now.Add(-eraseForgotten).UnixNano())
		return err
	})
}
