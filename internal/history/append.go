package history

import (
	"context"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// Append stores the frames in the transaction of s, which holds the locks of their rooms
// (sqldb.Session.LockKeys). So the positions of a room grow in the order in which its
// frames become visible, even while its home moves to another server. The frames of one
// room are in order.
func (db *DB) Append(ctx context.Context, s sqldb.Session, frames []*chat.Frame) error {
	for len(frames) > 0 {
		n := min(len(frames), mostFrames)
		body := encodeBatch(frames[:n])
		if _, err := s.Exec(ctx, `INSERT INTO history_batches (body) VALUES ($1)`, body); err != nil {
			return err
		}
		if err := addDeletions(ctx, s, frames[:n]); err != nil {
			return err
		}
		if err := addDisconnects(ctx, s, frames[:n]); err != nil {
			return err
		}
		frames = frames[n:]
		db.appended(len(body))
	}
	return nil
}

// addDeletions records which messages the frames delete. A message may be deleted
// several times; the first one counts. It may also be unknown. A deletion that is withdrawn
// has not happened.
func addDeletions(ctx context.Context, s sqldb.Session, frames []*chat.Frame) error {
	for _, f := range frames {
		if f.Deletion == nil {
			continue
		}
		if f.Withdrawn {
			if _, err := s.Exec(ctx, `DELETE FROM history_deletions WHERE room_id = $1 AND message_id = $2 AND time = $3`, f.RoomID,
				[]byte(f.Deletion.MessageID), f.Time.UnixNano()); err != nil {
				return err
			}
			continue
		}
		_, err := s.Exec(ctx, `INSERT INTO history_deletions (room_id, message_id, time, deleted_by, reason) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (room_id, message_id) DO NOTHING`, f.RoomID,
			[]byte(f.Deletion.MessageID), f.Time.UnixNano(), []byte(f.Deletion.By), []byte(f.Deletion.Reason))
		if err != nil {
			return err
		}
	}
	return nil
}
