package store

import (
	"context"
	"sync/atomic"
	"time"

	"confab/internal/poll"
	"confab/internal/sqldb"
)

const (
	// changesKept is how long changes of rooms are remembered.
	changesKept = 10 * time.Minute
	// mostChanges is how many changes one query reads.
	mostChanges = 1000
)

// noteChange notes that a room was changed or deleted, in the transaction that does it.
// These transactions exclude each other over all servers, so numbers become visible in
// their order.
func noteChange(ctx context.Context, s sqldb.Session, roomID string) error {
	now, err := s.DB().Now(ctx)
	if err != nil {
		return err
	}
	_, err = s.Exec(ctx, `INSERT INTO room_changes (room_id, time) VALUES ($1, $2)`, roomID, now.UnixNano())
	return err
}

// WatchRooms calls changed for each room that any server has changed or deleted since the
// call, within seconds, until ctx ends. It is for nodes that the notice of a change may not
// reach. If the database does not answer, it tries again.
func WatchRooms(ctx context.Context, db *DB, changed func(ctx context.Context, roomID string)) {
	var last atomic.Int64
	last.Store(watchOnce(ctx, db, -1, changed))
	db.watch.Follow(ctx, &poll.Changes{
		Counter: latestRoomChange,
		News:    func(latest int64) bool { return latest > last.Load() },
		Read: func(ctx context.Context) error {
			last.Store(watchOnce(ctx, db, last.Load(), changed))
			return nil
		},
		Turned: func(error) {}, // Others log that the database does not answer.
	})
}

const latestRoomChange = `SELECT coalesce(max(number), 0) FROM room_changes`

// watchOnce reads the changes after a number, -1 for none, and returns the number of the
// last one.
func watchOnce(ctx context.Context, db *DB, last int64, changed func(ctx context.Context, roomID string)) int64 {
	if last < 0 {
		if _, err := db.main.Read().Row(ctx, latestRoomChange, nil, &last); err != nil {
			return -1
		}
		return last
	}
	for {
		rooms := map[string]bool{}
		n := 0
		err := db.main.Read().Rows(ctx, `SELECT number, room_id FROM room_changes WHERE number > $1 ORDER BY number LIMIT $2`, []any{last, mostChanges},
			func(scan func(...any) error) error {
				var id string
				err := scan(&last, &id)
				rooms[id] = true
				n++
				return err
			})
		for id := range rooms {
			changed(ctx, id)
		}
		if err != nil || n < mostChanges {
			return last
		}
	}
}
