package transcript

import (
	"context"
	"time"

	"confab/internal/sqldb"
)

// Erasure is the removal of a user's messages from all that is stored, in one room or in
// all. It is done in steps by several calls, on any server, and its state is stored:
//
//	removing  Remove deletes records that were not delivered yet, and frames of the history
//	settling  records that Remove deleted may be part of a call to a destination; Settle
//	          is called when no such call is under way on any server
//	telling   clients are told of the messages of Rooms; then Finish is called
//	done      until it is forgotten, the next erasure of the same user adds to it
//
// An erasure is forgotten an hour after its last step.
type Erasure struct {
	// UserID and RoomID are the user and the room; an empty RoomID is all rooms.
	UserID, RoomID string
	// Started is when this erasure began. Messages that were sent later are not removed.
	Started time.Time
	// Messages is how many messages were removed.
	Messages int64

	db       *DB
	phase    phase
	atRecord int64
}

type phase int

const (
	removing phase = iota
	settling
	telling
	done
)

// erasureKept is how long an erasure is remembered after its last step.
const erasureKept = time.Hour

// NewErasure begins an erasure, or continues the one with the same user and room.
func (db *DB) NewErasure(ctx context.Context, roomID, userID string) (*Erasure, error) {
	now, err := db.sql.Now(ctx)
	if err != nil {
		return nil, err
	}
	e := &Erasure{UserID: userID, RoomID: roomID, Started: now, db: db}
	var started, last int64
	known, err := db.sql.Read().Row(ctx, `SELECT phase, at_record, messages, started, time FROM erasures WHERE user_id = $1 AND room_id = $2`,
		[]any{[]byte(userID), roomID}, &e.phase, &e.atRecord, &e.Messages, &started, &last)
	switch {
	case err != nil:
		return nil, err
	case known && sqldb.Time(last).Before(now.Add(-erasureKept)):
		*e = Erasure{UserID: userID, RoomID: roomID, Started: now, db: db}
		err = db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
			return forgetErasure(ctx, s, userID, roomID)
		})
	case known && e.phase == done:
		e.phase, e.atRecord = removing, 0
	case known:
		e.Started = sqldb.Time(started)
	}
	return e, err
}

// Removing reports whether Remove must be called.
func (e *Erasure) Removing() bool { return e.phase == removing }

// Settling reports whether Settle must be called.
func (e *Erasure) Settling() bool { return e.phase == settling }

// store stores the state in the transaction of s.
func (e *Erasure) store(ctx context.Context, s sqldb.Session) error {
	now, err := e.db.sql.Now(ctx)
	if err != nil {
		return err
	}
	_, err = s.Exec(ctx, `INSERT INTO erasures (user_id, room_id, phase, at_record, messages, started, time) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (user_id, room_id) DO UPDATE SET phase = excluded.phase, at_record = excluded.at_record, messages = excluded.messages,
		started = excluded.started, time = excluded.time`,
		[]byte(e.UserID), e.RoomID, int(e.phase), e.atRecord, e.Messages, e.Started.UnixNano(), now.UnixNano())
	return err
}

// step runs a transaction and stores the state with it. If that fails, the erasure is as
// before.
func (e *Erasure) step(ctx context.Context, do func(ctx context.Context, s sqldb.Session) error) error {
	before := *e
	err := e.db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		*e = before // A transaction may be tried again.
		if err := do(ctx, s); err != nil {
			return err
		}
		return e.store(ctx, s)
	})
	if err != nil {
		*e = before
	}
	return err
}

// Remove removes messages, and works for a few seconds at most. It must be called again
// while Removing reports true. Before the first call, all servers must have stored the
// frames from before Started: see DB.Flush.
func (e *Erasure) Remove(ctx context.Context) error {
	until := time.Now().Add(removeTime)
	for more := true; more; {
		var err error
		if more, err = e.removeRecords(ctx); err != nil {
			return err
		}
		if more && time.Now().After(until) {
			return nil
		}
	}
	before := e.Messages
	erased, err := e.db.o.History.Erase(ctx, e.RoomID, e.UserID, e.note)
	if err != nil || !erased.Done {
		e.Messages += erased.Messages // The history remembers them until it is done.
		return err
	}
	return e.step(ctx, func(context.Context, sqldb.Session) error {
		e.Messages, e.phase = before+erased.Messages, settling
		return nil
	})
}

// removeTime bounds the time for records, roughly.
const removeTime = 2 * time.Second

// Finish ends the erasure. Its result stays for an hour.
func (e *Erasure) Finish(ctx context.Context) error {
	return e.step(ctx, func(context.Context, sqldb.Session) error {
		e.phase = done
		return nil
	})
}

// forgetErasure deletes what is known of an erasure.
func forgetErasure(ctx context.Context, s sqldb.Session, userID, roomID string) error {
	for _, query := range []string{
		`DELETE FROM erased_messages WHERE user_id = $1 AND scope = $2`,
		`DELETE FROM erased_logs WHERE user_id = $1 AND scope = $2`,
		`DELETE FROM erasures WHERE user_id = $1 AND room_id = $2`,
	} {
		if _, err := s.Exec(ctx, query, []byte(userID), roomID); err != nil {
			return err
		}
	}
	return nil
}

// pruneErasures forgets the erasures without a step since before.
func (db pruner) pruneErasures(ctx context.Context, before time.Time) error {
	type key struct{ user, room string }
	var old []key
	err := db.sql.Read().Rows(ctx, `SELECT user_id, room_id FROM erasures WHERE time < $1`, []any{before.UnixNano()}, func(scan func(...any) error) error {
		var user []byte
		var room string
		err := scan(&user, &room)
		old = append(old, key{string(user), room})
		return err
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		for _, k := range old {
			if err := forgetErasure(ctx, s, k.user, k.room); err != nil {
				return err
			}
		}
		return nil
	})
}
