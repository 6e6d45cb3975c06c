package history

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

const (
	// lookAgain is the longest time between two looks at a room's pieces. If the notice
	// about a deleted room, or a shorter retention, was lost, expired pieces are kept for
	// that long.
	lookAgain = time.Hour
	// lookFailed is the time until a room is looked at again after its settings could not
	// be read.
	lookFailed = time.Minute
	// prunePieces and pruneDeletions are how many rows of a room one transaction
	// deletes. They are small because frames wait for it.
	prunePieces    = 64
	pruneDeletions = sqldb.DeleteRows
	pruneRooms     = 64 // looked at together
)

// lookAt makes prune look at the room at that time or before.
func lookAt(ctx context.Context, s sqldb.Session, roomID string, look int64) error {
	_, err := s.Exec(ctx, `INSERT INTO history_rooms (room_id, look) VALUES ($1, $2)
		ON CONFLICT (room_id) DO UPDATE SET look = CASE WHEN excluded.look < history_rooms.look THEN excluded.look ELSE history_rooms.look END`, roomID, look)
	return err
}

// Changed makes the next Prune look at the room. It is called when the room was deleted or
// its retention may have become shorter. Otherwise Prune may look at it up to an hour
// later.
func (db *DB) Changed(ctx context.Context, roomID string) error {
	db.await(ctx, roomID)
	// The room's first frames may be in batches only, so it may have no row yet.
	err := db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error { return lookAt(ctx, s, roomID, 0) })
	db.notify()
	return err
}

// Prune deletes the pieces of which all frames have expired by the present retention of
// their room, in small transactions, and the deletions of messages that are gone. It
// looks only at rooms that may have some. It returns without an error when another server
// does this now.
func (db *DB) Prune(ctx context.Context) error {
	_, err := db.prune(ctx)
	return err
}

// prune is Prune. It returns when the next room is to be looked at, by the local clock.
func (db *DB) prune(ctx context.Context) (next time.Time, err error) {
	if db.o.Rooms == nil {
		return time.Time{}, nil
	}
	err = db.leased(ctx, func() error {
		// Batches that were moved in part are compacted first: only the pieces, of which
		// prune deletes some, show which of their frames were moved.
		if err := db.compact(ctx); err != nil {
			return err
		}
		for {
			now, err := db.sql.Now(ctx)
			if err != nil {
				return err
			}
			due, err := db.due(ctx, now)
			if err != nil {
				return err
			}
			if len(due) == 0 {
				return db.pruneUsers(ctx)
			}
			for _, roomID := range due {
				if err := db.pruneRoom(ctx, roomID, now); err != nil {
					return err
				}
			}
		}
	})
	if errors.Is(err, errNotLeased) {
		err = nil
	}
	if err != nil {
		return next, err
	}
	var look *int64
	if _, err := db.sql.Read().Row(ctx, `SELECT min(look) FROM history_rooms`, nil, &look); err != nil || look == nil {
		return next, err
	}
	now, err := db.sql.Now(ctx)
	return time.Now().Add(sqldb.Time(*look).Sub(now)), err
}

// due returns some rooms that are to be looked at.
func (db *DB) due(ctx context.Context, now time.Time) (rooms []string, err error) {
	err = db.sql.Read().Rows(ctx, `SELECT room_id FROM history_rooms WHERE look <= $1 ORDER BY look LIMIT $2`, []any{now.UnixNano(), pruneRooms},
		func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			rooms = append(rooms, id)
			return err
		})
	return rooms, err
}

// pruneRoom deletes some of what has expired in a room, and sets when it is looked at
// again.
func (db *DB) pruneRoom(ctx context.Context, roomID string, now time.Time) error {
	keep, err := db.o.Rooms.HistoryRetention(ctx, roomID)
	if err != nil && chat.CodeOf(err) != chat.NotFound {
		db.o.Log.LogAttrs(ctx, slog.LevelWarn, "History retention of a room unknown", slog.String("room", roomID), slog.Any("error", err))
		return db.change(ctx, func(ctx context.Context, s sqldb.Session) error {
			return setLook(ctx, s, roomID, now.Add(lookFailed).UnixNano())
		})
	}
	expired := int64(math.MaxInt64)
	if err == nil && keep > 0 {
		expired = now.Add(-keep).UnixNano()
	}
	delete(db.tails, roomID)
	return db.change(ctx, func(ctx context.Context, s sqldb.Session) error {
		pieces, err := s.Exec(ctx, `DELETE FROM history_pieces WHERE room_id = $1 AND first IN
			(SELECT first FROM history_pieces WHERE room_id = $1 AND newest < $2 ORDER BY newest LIMIT $3)`, roomID, expired, prunePieces)
		if err != nil {
			return err
		}
		var oldest, newest *int64
		if _, err := s.Row(ctx, `SELECT (SELECT min(oldest) FROM history_pieces WHERE room_id = $1), (SELECT min(newest) FROM history_pieces WHERE room_id = $1)`,
			[]any{roomID}, &oldest, &newest); err != nil {
			return err
		}
		// A deletion is kept as long as an older message may exist, because the retention
		// may become longer again.
		before := expired
		if oldest != nil {
			before = min(before, *oldest)
		}
		deletions, err := s.Exec(ctx, `DELETE FROM history_deletions WHERE room_id = $1 AND message_id IN
			(SELECT message_id FROM history_deletions WHERE room_id = $1 AND time < $2 ORDER BY time LIMIT $3)`, roomID, before, pruneDeletions)
		if err != nil {
			return err
		}
		if pieces == prunePieces || deletions == pruneDeletions {
			return setLook(ctx, s, roomID, now.UnixNano())
		}
		var left *int64
		if _, err := s.Row(ctx, `SELECT min(time) FROM history_deletions WHERE room_id = $1`, []any{roomID}, &left); err != nil {
			return err
		}
		if newest == nil && left == nil {
			_, err := s.Exec(ctx, `DELETE FROM history_rooms WHERE room_id = $1`, roomID)
			return err
		}
		// A little later than necessary, so that several pieces expire together.
		look := now.Add(lookAgain).UnixNano()
		for _, at := range []*int64{newest, left} {
			if at != nil && keep > 0 {
				look = min(look, *at+int64(keep+keep/pieceShare))
			}
		}
		return setLook(ctx, s, roomID, max(look, now.Add(time.Second).UnixNano()))
	})
}

// setLook sets when the room is looked at next.
func setLook(ctx context.Context, s sqldb.Session, roomID string, look int64) error {
	_, err := s.Exec(ctx, `UPDATE history_rooms SET look = $2 WHERE room_id = $1`, roomID, look)
	return err
}
