package store

import (
	"context"
	"fmt"

	"confab/internal/chat"
	"confab/internal/sqldb"
	"confab/internal/webhook"
)

// roomColumns are what a roomScanner reads: one row for each of the room's logging
// configurations, or one row if there are none. They come from one statement, so that
// a room is read consistently.
const roomColumns = `r.id, r.name, r.create_time, r.update_time, r.maximum_message_length, r.maximum_message_rate,
	r.handler_uri, r.handler_fallback, r.logging_given, r.tags, r.modes, l.logging_configuration_id`

const selectRoom = `SELECT ` + roomColumns + `
	FROM rooms r LEFT JOIN room_logging l ON l.room_id = r.id
	WHERE r.id = $1 ORDER BY l.position`

// roomScanner builds rooms from rows. The rows of one room are adjacent, with its
// logging configurations in order.
type roomScanner struct {
	db    *DB
	rooms []*chat.Room
}

func (rs *roomScanner) scan(scan func(...any) error) error {
	var (
		r                chat.Room
		created, updated int64
		uri              string
		fallback         *chat.FallbackResult
		given            bool
		tags             jsonMap
		modes            string
		logging          *string
	)
	if err := scan(&r.ARN.ID, &r.Name, &created, &updated, &r.MaximumMessageLength, &r.MaximumMessageRatePerSecond,
		&uri, &fallback, &given, &tags, &modes, &logging); err != nil {
		return err
	}
	room := &r
	if n := len(rs.rooms); n > 0 && rs.rooms[n-1].ARN.ID == r.ARN.ID {
		room = rs.rooms[n-1]
	} else {
		rs.rooms = append(rs.rooms, room)
		r.ARN = rs.db.arn(chat.RoomResource, r.ARN.ID)
		r.CreateTime, r.UpdateTime = sqldb.Time(created), sqldb.Time(updated)
		r.Tags = tags
		var err error
		if r.Modes, err = decodeModes(modes); err != nil {
			return err
		}
		if fallback != nil {
			r.MessageReviewHandler = &chat.MessageReviewHandler{URI: uri, FallbackResult: *fallback}
		}
		if given {
			r.LoggingConfigurations = []string{}
		}
	}
	if logging != nil {
		room.LoggingConfigurations = append(room.LoggingConfigurations, rs.db.arn(chat.LoggingConfigurationResource, *logging).String())
	}
	return nil
}

func (db *DB) room(ctx context.Context, s sqldb.Session, id string) (*chat.Room, error) {
	rs := roomScanner{db: db}
	if err := s.Rows(ctx, selectRoom, []any{id}, rs.scan); err != nil {
		return nil, err
	}
	if len(rs.rooms) == 0 {
		return nil, chat.NoSuchResource(db.arn(chat.RoomResource, id))
	}
	return rs.rooms[0], nil
}

// Room returns the room with the bare id, or NotFound. The caller owns the result.
//
// Its LoggingConfigurations are nil if none were ever set, and empty but not nil
// after all were removed. The service omits the member from its answers in the first
// case only.
func (db *DB) Room(ctx context.Context, id string) (*chat.Room, error) {
	return db.room(ctx, db.main.Read(), id)
}

// CreateRoom stores a new room. It sets its times, and its ARN if it has none. With a
// limit above 0, one room more than that is QuotaExceeded. A logging configuration
// that does not exist is NotFound. An id that exists is a Conflict.
func (db *DB) CreateRoom(ctx context.Context, r *chat.Room, limit int) error {
	arn := r.ARN
	if arn.ID == "" {
		arn = db.arn(chat.RoomResource, chat.NewID())
	}
	logging, err := db.loggingIDs(r.LoggingConfigurations)
	if err != nil {
		return err
	}
	var now int64
	notes := db.Webhooks.Notes()
	err = db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		notes.Reset()
		if err := within(ctx, s, limit, `SELECT count(*) FROM (SELECT 1 FROM rooms LIMIT $1) AS counted`, arn); err != nil {
			return err
		}
		if now, err = db.stamp(ctx, s, `SELECT max(update_time) FROM rooms`); err != nil {
			return err
		}
		uri, fallback := handlerColumns(r)
		n, err := s.Exec(ctx, `INSERT INTO rooms (id, name, create_time, update_time, maximum_message_length, maximum_message_rate,
				handler_uri, handler_fallback, logging_given, tags)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`,
			arn.ID, r.Name, now, now, r.MaximumMessageLength, r.MaximumMessageRatePerSecond,
			uri, fallback, flag(r.LoggingConfigurations != nil), jsonMap(r.Tags))
		if err != nil {
			return err
		}
		if n == 0 {
			return &chat.Error{Code: chat.Conflict, Message: fmt.Sprintf("Resource %s exists", arn), Resource: arn}
		}
		if err := db.attach(ctx, s, arn.ID, now, logging); err != nil || !notes.Wanted(webhook.RoomCreated) {
			return err
		}
		made := *r
		made.ARN, made.CreateTime, made.UpdateTime = arn, sqldb.Time(now), sqldb.Time(now)
		return noteRoom(ctx, s, notes, webhook.RoomCreated, &made)
	})
	if err != nil {
		return err
	}
	r.ARN, r.CreateTime, r.UpdateTime = arn, sqldb.Time(now), sqldb.Time(now)
	notes.Forward(ctx)
	return nil
}

// UpdateRoom reads the room, calls change on it and stores the result, in one
// transaction, so concurrent changes are not lost. It sets the update time and
// returns the updated room. An error of change leaves the room unchanged and is
// returned. change must be quick, must not call the store, and cannot change the ARN
// or the create time.
func (db *DB) UpdateRoom(ctx context.Context, id string, change func(*chat.Room) error) (*chat.Room, error) {
	var room *chat.Room
	notes := db.Webhooks.Notes()
	err := db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		notes.Reset()
		r, err := db.room(ctx, s, id)
		if err != nil {
			return err
		}
		arn, created := r.ARN, r.CreateTime
		if err := change(r); err != nil {
			return err
		}
		logging, err := db.loggingIDs(r.LoggingConfigurations)
		if err != nil {
			return err
		}
		now, err := db.stamp(ctx, s, `SELECT max(update_time) FROM rooms`)
		if err != nil {
			return err
		}
		uri, fallback := handlerColumns(r)
		if _, err := s.Exec(ctx, `UPDATE rooms SET name = $2, update_time = $3, maximum_message_length = $4, maximum_message_rate = $5,
				handler_uri = $6, handler_fallback = $7, logging_given = $8, tags = $9 WHERE id = $1`,
			id, r.Name, now, r.MaximumMessageLength, r.MaximumMessageRatePerSecond,
			uri, fallback, flag(r.LoggingConfigurations != nil), jsonMap(r.Tags)); err != nil {
			return err
		}
		if _, err := s.Exec(ctx, `DELETE FROM room_logging WHERE room_id = $1`, id); err != nil {
			return err
		}
		if err := db.attach(ctx, s, id, now, logging); err != nil {
			return err
		}
		if err := noteChange(ctx, s, id); err != nil {
			return err
		}
		r.ARN, r.CreateTime, r.UpdateTime = arn, created, sqldb.Time(now)
		room = r
		if !notes.Wanted(webhook.RoomUpdated) {
			return nil
		}
		return noteRoom(ctx, s, notes, webhook.RoomUpdated, r)
	})
	if err != nil {
		return nil, err
	}
	notes.Forward(ctx)
	return room, nil
}

// DeleteRoom deletes the room, or returns NotFound.
func (db *DB) DeleteRoom(ctx context.Context, id string) error {
	notes := db.Webhooks.Notes()
	err := db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		notes.Reset()
		if notes.Wanted(webhook.RoomDeleted) {
			r, err := db.room(ctx, s, id)
			if err != nil {
				return err
			}
			if err := noteRoom(ctx, s, notes, webhook.RoomDeleted, r); err != nil {
				return err
			}
		}
		n, err := s.Exec(ctx, `DELETE FROM rooms WHERE id = $1`, id)
		if err == nil && n == 0 {
			return chat.NoSuchResource(db.arn(chat.RoomResource, id))
		}
		if err != nil {
			return err
		}
		if err := db.Bans.DeleteRoom(ctx, s, id); err != nil {
			return err
		}
		if err := db.Filters.DeleteRoom(ctx, s, id); err != nil {
			return err
		}
		return noteChange(ctx, s, id)
	})
	if err == nil {
		notes.Forward(ctx)
		keepsLess(ctx, db, id)
		db.Filters.Changed(ctx) //nolint:errcheck // The room is gone, so no message needs the filters; they are read later.
	}
	return err
}

// handlerColumns are the two columns of a room's handler. A room that never had one
// is stored like one whose handler was removed, so that a filter finds both.
func handlerColumns(r *chat.Room) (uri string, fallback any) {
	if r.MessageReviewHandler == nil {
		return "", nil
	}
	return r.MessageReviewHandler.URI, string(r.MessageReviewHandler.FallbackResult)
}

// loggingIDs returns the bare ids of the ARNs. An ARN of another account or region is
// NotFound, and no ARN may be given twice.
func (db *DB) loggingIDs(arns []string) ([]string, error) {
	ids := make([]string, 0, len(arns))
	seen := map[string]bool{}
	for _, one := range arns {
		arn, err := chat.ParseARN(one)
		if err != nil {
			return nil, chat.InvalidField("loggingConfigurationIdentifiers", "%s", err.Error())
		}
		if arn != db.arn(chat.LoggingConfigurationResource, arn.ID) {
			return nil, chat.NoSuchResource(arn)
		}
		if seen[arn.ID] {
			return nil, chat.InvalidField("loggingConfigurationIdentifiers", "%s is given twice", one)
		}
		seen[arn.ID] = true
		ids = append(ids, arn.ID)
	}
	return ids, nil
}

// attach stores the logging configurations of a room, in order.
func (db *DB) attach(ctx context.Context, s sqldb.Session, roomID string, now int64, logging []string) error {
	for i, id := range logging {
		var one int
		found, err := s.Row(ctx, `SELECT 1 FROM logging_configurations WHERE id = $1`, []any{id}, &one)
		if err != nil {
			return err
		}
		if !found {
			return chat.NoSuchResource(db.arn(chat.LoggingConfigurationResource, id))
		}
		if _, err := s.Exec(ctx, `INSERT INTO room_logging (room_id, position, logging_configuration_id, update_time) VALUES ($1, $2, $3, $4)`,
			roomID, i, id, now); err != nil {
			return err
		}
	}
	return nil
}
