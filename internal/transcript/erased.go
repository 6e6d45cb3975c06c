package transcript

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/sqldb"
	"confab/internal/webhook"
)

// eraseRecords is how many records one step looks at.
const eraseRecords = 500

// record is a record of the user.
type record struct {
	position int64
	readers  []int64
	history.Erased
}

// removeRecords removes the user's messages, and what webhooks are to be told of the user's
// joins and leaves, from some records, and reports whether there are more to look at.
func (e *Erasure) removeRecords(ctx context.Context) (more bool, err error) {
	query, args := `SELECT position, room_id, time, type, json, readers FROM transcript WHERE position > $1 ORDER BY position LIMIT $2`, []any{e.atRecord, eraseRecords}
	if e.RoomID != "" {
		query = `SELECT position, room_id, time, type, json, readers FROM transcript WHERE room_id = $3 AND position > $1 ORDER BY position LIMIT $2`
		args = append(args, e.RoomID)
	}
	var theirs []record
	var visits []visit
	sender := senderMember(e.UserID)
	at, n := e.atRecord, 0
	err = e.db.sql.Read().Rows(ctx, query, args, func(scan func(...any) error) error {
		var r record
		var sent int64
		var typ chat.FrameType
		var frame []byte
		var readers string
		if err := scan(&r.position, &r.RoomID, &sent, &typ, &frame, &readers); err != nil {
			return err
		}
		at, n = r.position, n+1
		if typ == webhook.ChangeFrame {
			if reset, about := webhook.WithoutUser(frame, e.UserID); about {
				visits = append(visits, visit{r.position, reset, readersIn(readers)})
			}
			return nil
		}
		if typ != chat.MessageFrame || !bytes.Contains(frame, sender) {
			return nil
		}
		var user string
		if user, r.ID = senderOf(frame); user != e.UserID {
			return nil
		}
		r.Time = sqldb.Time(sent)
		r.readers = readersIn(readers)
		theirs = append(theirs, r)
		return nil
	})
	if err != nil || n == 0 {
		return false, err
	}
	return n == eraseRecords, e.step(ctx, func(ctx context.Context, s sqldb.Session) error {
		e.atRecord = at
		for _, v := range visits {
			if err := e.eraseVisit(ctx, s, v); err != nil {
				return err
			}
		}
		var all []history.Erased
		for i := range theirs {
			r := &theirs[i]
			if err := e.noteReaders(ctx, s, r); err != nil {
				return err
			}
			if _, err := s.Exec(ctx, `DELETE FROM transcript WHERE position = $1`, r.position); err != nil {
				return err
			}
			kept, err := e.kept(ctx, r.RoomID)
			if err != nil {
				return err
			}
			if !kept { // The history counts it.
				e.Messages++
			}
			all = append(all, r.Erased)
		}
		return e.noteMessages(ctx, s, all)
	})
}

// visit is an event for webhooks that says that the user joined or left a room.
type visit struct {
	position int64
	reset    []byte // is sent in its place
	readers  []int64
}

// eraseVisit removes an event from what webhooks are owed. Those that want to know of lost
// events get presence.reset in its place.
func (e *Erasure) eraseVisit(ctx context.Context, s sqldb.Session, v visit) error {
	var left []int64
	for _, reader := range v.readers {
		var id string
		if _, err := s.Row(ctx, `SELECT logging_configuration_id FROM readers WHERE id = $1`, []any{reader}, &id); err != nil {
			return err
		}
		resets, err := e.db.o.Webhooks.Resets(ctx, id)
		if err != nil {
			return err
		}
		if resets {
			left = append(left, reader)
		}
	}
	if len(left) == 0 {
		_, err := s.Exec(ctx, `DELETE FROM transcript WHERE position = $1`, v.position)
		return err
	}
	_, err := s.Exec(ctx, `UPDATE transcript SET json = $2, readers = $3 WHERE position = $1`, v.position, v.reset, readerColumn(left))
	return err
}

// readersIn returns the ids in the column that readerColumn makes.
func readersIn(column string) (ids []int64) {
	for id := range strings.FieldsSeq(column) {
		if reader, err := strconv.ParseInt(id, 10, 64); err == nil {
			ids = append(ids, reader)
		}
	}
	return ids
}

// senderOf returns the sender and the id of a MESSAGE frame.
func senderOf(frame []byte) (user, id string) {
	var m struct {
		ID     string `json:"Id"`
		Sender struct {
			UserID string `json:"UserId"`
		}
	}
	if json.Unmarshal(frame, &m) != nil {
		return "", ""
	}
	return m.Sender.UserID, m.ID
}

// senderMember returns a part of each frame that the user has sent. Few others have it.
func senderMember(userID string) []byte {
	frame := (&chat.Message{UserID: userID}).AppendJSON(nil)
	_, sender, _ := bytes.Cut(frame, []byte(`"Sender":{`))
	return bytes.TrimSuffix(sender, []byte(`,"Attributes":{}}}`))
}

// kept reports whether the room keeps its messages now.
func (e *Erasure) kept(ctx context.Context, roomID string) (bool, error) {
	room, err := e.db.o.Rooms.Room(ctx, roomID)
	if chat.CodeOf(err) == chat.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	extensions, _ := chat.ExtensionsOf(room.Tags)
	return extensions.History > 0, nil
}

// note notes messages that the history removes: for the clients of their rooms, and the
// hours in which they were delivered to destinations of logs. Their records, if they are
// still owed, were noted before.
func (e *Erasure) note(ctx context.Context, s sqldb.Session, all []history.Erased) error {
	readers := map[string][]owedSince{}
	for _, m := range all {
		if _, known := readers[m.RoomID]; !known {
			some, err := e.readersOf(ctx, s, m.RoomID)
			if err != nil {
				return err
			}
			readers[m.RoomID] = some
		}
		for _, r := range readers[m.RoomID] {
			if m.Time.UnixNano() < r.since {
				if err := e.noteHour(ctx, s, m.RoomID, r.reader, m.Time, 0); err != nil {
					return err
				}
			}
		}
	}
	return e.noteMessages(ctx, s, all)
}

// owedSince is a reader, and since when it is owed frames of a room.
type owedSince struct{ reader, since int64 }

// readersOf returns the readers of the room's present logging configurations, with all
// destinations that these had.
func (e *Erasure) readersOf(ctx context.Context, s sqldb.Session, roomID string) (all []owedSince, err error) {
	room, err := e.db.o.Rooms.Room(ctx, roomID)
	if chat.CodeOf(err) == chat.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, arn := range room.LoggingConfigurations {
		err := s.Rows(ctx, `SELECT id, coalesce((SELECT since FROM backlogs WHERE reader_id = readers.id AND room_id = $2 AND delivered < head), $3)
			FROM readers WHERE logging_configuration_id = $1`, []any{arn[strings.LastIndexByte(arn, '/')+1:], roomID, int64(1<<63 - 1)},
			func(scan func(...any) error) error {
				var r owedSince
				err := scan(&r.reader, &r.since)
				all = append(all, r)
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// noteReaders notes which readers have the record, or may have it.
func (e *Erasure) noteReaders(ctx context.Context, s sqldb.Session, r *record) error {
	owed := map[int64]bool{}
	err := s.Rows(ctx, `SELECT reader_id FROM backlogs WHERE room_id = $1 AND delivered < $2 AND (object_to IS NULL OR object_to < $2)`, []any{r.RoomID, r.position},
		func(scan func(...any) error) error {
			var reader int64
			err := scan(&reader)
			owed[reader] = true
			return err
		})
	if err != nil {
		return err
	}
	for _, reader := range r.readers {
		position := int64(0)
		if owed[reader] {
			position = r.position
		}
		if err := e.noteHour(ctx, s, r.RoomID, reader, r.Time, position); err != nil {
			return err
		}
	}
	return nil
}

// noteHour notes that a reader has a message of that time; with a position, that it does
// not have this record unless a call with it is under way.
func (e *Erasure) noteHour(ctx context.Context, s sqldb.Session, roomID string, reader int64, at time.Time, position int64) error {
	_, err := s.Exec(ctx, `INSERT INTO erased_logs (user_id, scope, room_id, reader_id, hour, position) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (user_id, scope, room_id, reader_id, hour) DO UPDATE SET position = excluded.position WHERE excluded.position < erased_logs.position`,
		[]byte(e.UserID), e.RoomID, roomID, reader, at.Unix()/3600, position)
	return err
}

// Settle must be called when no call is in progress, on any server, that has read records
// before Remove deleted them.
func (e *Erasure) Settle(ctx context.Context) error {
	return e.step(ctx, func(ctx context.Context, s sqldb.Session) error {
		// What a reader still is owed in front of a record that is gone was not delivered.
		if _, err := s.Exec(ctx, `DELETE FROM erased_logs WHERE user_id = $1 AND scope = $2 AND position > 0 AND EXISTS
			(SELECT 1 FROM backlogs b WHERE b.reader_id = erased_logs.reader_id AND b.room_id = erased_logs.room_id AND b.delivered < erased_logs.position)`,
			[]byte(e.UserID), e.RoomID); err != nil {
			return err
		}
		_, err := s.Exec(ctx, `UPDATE erased_logs SET position = 0 WHERE user_id = $1 AND scope = $2`, []byte(e.UserID), e.RoomID)
		e.phase = telling
		return err
	})
}

// MostTold is for how many messages of one room clients get delete events.
const MostTold = 500

// noteMessages notes messages for the clients of their rooms.
func (e *Erasure) noteMessages(ctx context.Context, s sqldb.Session, all []history.Erased) error {
	byRoom := map[string][]Told{}
	for _, m := range all {
		byRoom[m.RoomID] = append(byRoom[m.RoomID], Told{m.ID, m.Time.UnixNano(), m.Hidden})
	}
	for room, some := range byRoom {
		var body []byte
		known, err := s.Row(ctx, `SELECT messages FROM erased_messages WHERE user_id = $1 AND scope = $2 AND room_id = $3`, []any{[]byte(e.UserID), e.RoomID, room}, &body)
		if err != nil {
			return err
		}
		if known {
			var before []Told
			if err := json.Unmarshal(body, &before); err != nil {
				return err
			}
			some = append(before, some...)
		}
		if err := e.storeTold(ctx, s, room, some); err != nil {
			return err
		}
	}
	return nil
}

// Told is a message for which clients get a delete event. Sent is in nanoseconds since
// 1970.
type Told struct {
	ID   string `json:"id"`
	Sent int64  `json:"sent"`
	// Hidden is set if only the user got the message.
	Hidden bool `json:"hidden,omitzero"`
}

// storeTold stores the newest of the messages, each once.
func (e *Erasure) storeTold(ctx context.Context, s sqldb.Session, roomID string, all []Told) error {
	slices.SortFunc(all, func(a, b Told) int {
		return cmp.Or(cmp.Compare(b.Sent, a.Sent), strings.Compare(a.ID, b.ID))
	})
	all = slices.Compact(all)
	body, err := json.Marshal(all[:min(len(all), MostTold)])
	if err != nil {
		return err
	}
	_, err = s.Exec(ctx, `INSERT INTO erased_messages (user_id, scope, room_id, messages) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, scope, room_id) DO UPDATE SET messages = excluded.messages`, []byte(e.UserID), e.RoomID, roomID, body)
	return err
}

// Rooms returns some rooms with the messages for which their clients must still get delete
// events, the newest first.
func (e *Erasure) Rooms(ctx context.Context, most int) (map[string][]Told, error) {
	all := map[string][]Told{}
	err := e.db.sql.Read().Rows(ctx, `SELECT room_id, messages FROM erased_messages WHERE user_id = $1 AND scope = $2 ORDER BY room_id LIMIT $3`,
		[]any{[]byte(e.UserID), e.RoomID, most}, func(scan func(...any) error) error {
			var room string
			var body []byte
			if err := scan(&room, &body); err != nil {
				return err
			}
			var some []Told
			if err := json.Unmarshal(body, &some); err != nil {
				return e.db.sql.Failed(ctx, err)
			}
			all[room] = some
			return nil
		})
	return all, err
}

// Told records that the clients of rooms got all delete events, except those of left.
func (e *Erasure) Told(ctx context.Context, left map[string][]Told) error {
	return e.step(ctx, func(ctx context.Context, s sqldb.Session) error {
		for room, some := range left {
			if len(some) > 0 {
				if err := e.storeTold(ctx, s, room, some); err != nil {
					return err
				}
				continue
			}
			if _, err := s.Exec(ctx, `DELETE FROM erased_messages WHERE user_id = $1 AND scope = $2 AND room_id = $3`, []byte(e.UserID), e.RoomID, room); err != nil {
				return err
			}
		}
		return nil
	})
}

// ErasedLog says that the delivered log of a room has messages of the user that were sent
// from Start up to End. Both are whole hours.
type ErasedLog struct {
	Destination chat.Destination
	RoomID      string
	Start, End  time.Time
}

// Logs returns the parts of delivered logs that have messages of the user, as far as they
// are known from the history and the transcript.
func (e *Erasure) Logs(ctx context.Context) (all []ErasedLog, err error) {
	err = e.db.sql.Read().Rows(ctx, `SELECT DISTINCT r.destination_type, r.destination_name, l.room_id, l.hour FROM erased_logs l JOIN readers r ON r.id = l.reader_id
		WHERE l.user_id = $1 AND l.scope = $2 AND l.position = 0 AND r.`+loggingReader+` ORDER BY r.destination_type, r.destination_name, l.room_id, l.hour`, []any{[]byte(e.UserID), e.RoomID},
		func(scan func(...any) error) error {
			var l ErasedLog
			var hour int64
			if err := scan(&l.Destination.Type, &l.Destination.Name, &l.RoomID, &hour); err != nil {
				return err
			}
			l.Start = time.Unix(hour*3600, 0).UTC()
			l.End = l.Start.Add(time.Hour)
			if n := len(all); n > 0 && all[n-1].Destination == l.Destination && all[n-1].RoomID == l.RoomID && !all[n-1].End.Before(l.Start) {
				all[n-1].End = l.End
			} else {
				all = append(all, l)
			}
			return nil
		})
	return all, err
}
