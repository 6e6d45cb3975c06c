package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// Erasure is the progress of an erasure.
type Erasure struct {
	// Messages is how many messages were removed, by all calls.
	Messages int64
	// Done is false if the call has to be repeated.
	Done bool
}

const (
	// eraseTime bounds a call of Erase, roughly.
	eraseTime = 2 * time.Second
	// erasePieces is how many pieces one step reads.
	erasePieces = 16
	// eraseForgotten is after how long an erasure that is not done begins again: the user
	// may have sent messages where it had been already.
	eraseForgotten = time.Hour
	// eraseWait is the pause between attempts while another server changes pieces.
	eraseWait = 20 * time.Millisecond
)

// Erased is a message that was removed.
type Erased struct {
	RoomID, ID string
	Time       time.Time
	// Hidden is set if only the user got the message.
	Hidden bool
}

// Erase removes the messages of a user that were stored before the call, with the records
// of their deletion, from one room, or from all if roomID is empty. It works for a few
// seconds at most. If it is not done then, the next call with the same arguments continues,
// on any server. If note is not nil, it is called with the removed messages, in the
// transaction that removes them.
func (db *DB) Erase(ctx context.Context, roomID, userID string, note func(ctx context.Context, s sqldb.Session, all []Erased) error) (e Erasure, err error) {
	until := time.Now().Add(eraseTime)
	for {
		err := db.leased(ctx, func() error {
			// Batches are only read from here on.
			if err := db.compact(ctx); err != nil {
				return err
			}
			for !e.Done && time.Now().Before(until) && ctx.Err() == nil {
				if e, err = db.eraseStep(ctx, roomID, userID, note); err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, errNotLeased) {
			return e, err
		}
		if time.Now().After(until) {
			return e, chat.Errorf(chat.Unavailable, "Another server works on the history, try again")
		}
		select {
		case <-time.After(eraseWait):
		case <-ctx.Done():
			return e, ctx.Err()
		}
	}
}

// erased is a piece without the user's messages.
type erased struct {
	room    string
	first   int64
	removed []Erased
	left    []record
}

// eraseStep erases from some pieces.
func (db *DB) eraseStep(ctx context.Context, roomID, userID string, note func(ctx context.Context, s sqldb.Session, all []Erased) error) (e Erasure, err error) {
	atRoom, at := roomID, int64(-1)
	user := []byte(userID)
	s := db.sql.Read()
	now, err := db.sql.Now(ctx)
	if err != nil {
		return e, err
	}
	_, err = s.Row(ctx, `SELECT at_room, at_position, erased FROM history_erasures WHERE user_id = $1 AND room_id = $2 AND time > $3`,
		[]any{user, roomID, now.Add(-eraseForgotten).UnixNano()}, &atRoom, &at, &e.Messages)
	if err != nil {
		return e, err
	}
	query := `SELECT room_id, first, last, count, body FROM history_pieces WHERE (room_id, first) > ($1, $2) ORDER BY room_id, first LIMIT $3`
	if roomID != "" {
		query = `SELECT room_id, first, last, count, body FROM history_pieces WHERE room_id = $1 AND first > $2 ORDER BY first LIMIT $3`
	}
	var pieces []erased
	n := 0
	err = s.Rows(ctx, query, []any{atRoom, at, erasePieces}, func(scan func(...any) error) error {
		var p erased
		var count int
		var body []byte
		if err := scan(&p.room, &p.first, &at, &count, &body); err != nil {
			return err
		}
		n++
		atRoom = p.room
		if p.left, err = db.codec.decodePiece(body, count); err != nil {
			return err
		}
		p.left = slices.DeleteFunc(p.left, func(r record) bool {
			theirs := !r.event && r.user == userID
			if theirs {
				p.removed = append(p.removed, Erased{p.room, r.id, sqldb.Time(r.time), r.hidden})
			}
			return theirs
		})
		if len(p.removed) > 0 {
			pieces = append(pieces, p)
		}
		return nil
	})
	if err != nil {
		return e, err
	}
	e.Done = n < erasePieces
	var all []Erased
	for _, p := range pieces {
		e.Messages += int64(len(p.removed))
		all = append(all, p.removed...)
		delete(db.tails, p.room)
	}
	return e, db.change(ctx, func(ctx context.Context, s sqldb.Session) error {
		for i := range pieces {
			if err := pieces[i].write(ctx, s, &db.codec); err != nil {
				return err
			}
		}
		if note != nil && len(all) > 0 {
			if err := note(ctx, s, all); err != nil {
				return err
			}
		}
		if e.Done {
			_, err := s.Exec(ctx, `DELETE FROM history_erasures WHERE user_id = $1 AND room_id = $2`, user, roomID)
			return err
		}
		_, err := s.Exec(ctx, `INSERT INTO history_erasures (user_id, room_id, at_room, at_position, erased, time) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (user_id, room_id) DO UPDATE SET at_room = excluded.at_room, at_position = excluded.at_position, erased = excluded.erased, time = excluded.time`,
			user, roomID, atRoom, at, e.Messages, now.UnixNano())
		return err
	})
}

// write replaces the piece by what is left of it.
func (p *erased) write(ctx context.Context, s sqldb.Session, c *codec) error {
	if len(p.left) == 0 {
		if _, err := s.Exec(ctx, `DELETE FROM history_pieces WHERE room_id = $1 AND first = $2`, p.room, p.first); err != nil {
			return err
		}
	} else {
		// The piece keeps its first and last position and its times. They are bounds.
		size := describe(p.left).size
		if _, err := s.Exec(ctx, `UPDATE history_pieces SET count = $3, size = $4, body = $5 WHERE room_id = $1 AND first = $2`,
			p.room, p.first, len(p.left), size, c.encodePiece(p.left)); err != nil {
			return err
		}
	}
	for _, m := range p.removed {
		if _, err := s.Exec(ctx, `DELETE FROM history_deletions WHERE room_id = $1 AND message_id = $2`, p.room, []byte(m.ID)); err != nil {
			return err
		}
	}
	return nil
}
