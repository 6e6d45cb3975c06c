package store

import (
	"context"
	"fmt"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

const selectLoggingConfiguration = `SELECT id, name, create_time, update_time, destination_type, destination_name, state, tags
	FROM logging_configurations `

func (db *DB) scanLoggingConfiguration(scan func(...any) error) (*chat.LoggingConfiguration, error) {
	var (
		c                chat.LoggingConfiguration
		id               string
		created, updated int64
		tags             jsonMap
	)
	if err := scan(&id, &c.Name, &created, &updated, &c.Destination.Type, &c.Destination.Name, &c.State, &tags); err != nil {
		return nil, err
	}
	c.ARN = db.arn(chat.LoggingConfigurationResource, id)
	c.CreateTime, c.UpdateTime = sqldb.Time(created), sqldb.Time(updated)
	c.Tags = tags
	return &c, nil
}

func (db *DB) loggingConfiguration(ctx context.Context, s sqldb.Session, id string) (*chat.LoggingConfiguration, error) {
	var c *chat.LoggingConfiguration
	err := s.Rows(ctx, selectLoggingConfiguration+`WHERE id = $1`, []any{id}, func(scan func(...any) error) (err error) {
		c, err = db.scanLoggingConfiguration(scan)
		return err
	})
	if err == nil && c == nil {
		return nil, chat.NoSuchResource(db.arn(chat.LoggingConfigurationResource, id))
	}
	return c, err
}

// LoggingConfiguration returns the logging configuration with the bare id, or
// NotFound. The caller owns the result.
func (db *DB) LoggingConfiguration(ctx context.Context, id string) (*chat.LoggingConfiguration, error) {
	return db.loggingConfiguration(ctx, db.main.Read(), id)
}

// CreateLoggingConfiguration stores a new logging configuration. It sets its times,
// and its ARN if it has none. With a limit above 0, one more than that is
// QuotaExceeded. An id that exists is a Conflict.
func (db *DB) CreateLoggingConfiguration(ctx context.Context, c *chat.LoggingConfiguration, limit int) error {
	arn := c.ARN
	if arn.ID == "" {
		arn = db.arn(chat.LoggingConfigurationResource, chat.NewID())
	}
	var now int64
	err := db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) (err error) {
		if err := within(ctx, s, limit, `SELECT count(*) FROM (SELECT 1 FROM logging_configurations LIMIT $1) AS counted`, arn); err != nil {
			return err
		}
		if now, err = db.stamp(ctx, s, `SELECT max(update_time) FROM logging_configurations`); err != nil {
			return err
		}
		n, err := s.Exec(ctx, `INSERT INTO logging_configurations (id, name, create_time, update_time, destination_type, destination_name, state, tags)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`,
			arn.ID, c.Name, now, now, string(c.Destination.Type), c.Destination.Name, string(c.State), jsonMap(c.Tags))
		if err == nil && n == 0 {
			return &chat.Error{Code: chat.Conflict, Message: fmt.Sprintf("Resource %s exists", arn), Resource: arn}
		}
		return err
	})
	if err != nil {
		return err
	}
	c.ARN, c.CreateTime, c.UpdateTime = arn, sqldb.Time(now), sqldb.Time(now)
	return nil
}

// UpdateLoggingConfiguration does for a logging configuration what UpdateRoom does
// for a room. What was delivered before goes to the destination of that time.
func (db *DB) UpdateLoggingConfiguration(ctx context.Context, id string, change func(*chat.LoggingConfiguration) error) (*chat.LoggingConfiguration, error) {
	db.transcript.Settle(ctx) // A frame gets its destination when it is stored.
	var changed *chat.LoggingConfiguration
	err := db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		c, err := db.loggingConfiguration(ctx, s, id)
		if err != nil {
			return err
		}
		arn, created := c.ARN, c.CreateTime
		if err := change(c); err != nil {
			return err
		}
		now, err := db.stamp(ctx, s, `SELECT max(update_time) FROM logging_configurations`)
		if err != nil {
			return err
		}
		if _, err := s.Exec(ctx, `UPDATE logging_configurations
			SET name = $2, update_time = $3, destination_type = $4, destination_name = $5, state = $6, tags = $7 WHERE id = $1`,
			id, c.Name, now, string(c.Destination.Type), c.Destination.Name, string(c.State), jsonMap(c.Tags)); err != nil {
			return err
		}
		c.ARN, c.CreateTime, c.UpdateTime = arn, created, sqldb.Time(now)
		changed = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// DeleteLoggingConfiguration deletes the logging configuration. It is a Conflict
// while a room uses it, and NotFound if it does not exist. What was delivered before goes to
// its destination.
func (db *DB) DeleteLoggingConfiguration(ctx context.Context, id string) error {
	db.transcript.Settle(ctx) // A frame gets its destination when it is stored.
	arn := db.arn(chat.LoggingConfigurationResource, id)
	return db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		var room string
		used, err := s.Row(ctx, `SELECT room_id FROM room_logging WHERE logging_configuration_id = $1 LIMIT 1`, []any{id}, &room)
		if err != nil {
			return err
		}
		if used {
			return &chat.Error{
				Code:     chat.Conflict,
				Message:  fmt.Sprintf("Logging configuration %s is in use by %s; detach it from its rooms first", arn, db.arn(chat.RoomResource, room)),
				Resource: arn,
			}
		}
		n, err := s.Exec(ctx, `DELETE FROM logging_configurations WHERE id = $1`, id)
		if err == nil && n == 0 {
			return chat.NoSuchResource(arn)
		}
		return err
	})
}

// ListLoggingConfigurations returns up to max logging configurations, in the order
// and with the guarantees of ListRooms.
func (db *DB) ListLoggingConfigurations(ctx context.Context, max int, token string) (all []*chat.LoggingConfiguration, next string, err error) {
	list := []string{"ListLoggingConfigurations"}
	from, err := db.page.parse(list, token)
	if err != nil {
		return nil, "", err
	}
	err = db.main.Read().Rows(ctx, selectLoggingConfiguration+`WHERE (update_time, id) < ($1, $2) ORDER BY update_time DESC, id DESC LIMIT $3`,
		[]any{from.time, from.id, max + 1}, func(scan func(...any) error) error {
			c, err := db.scanLoggingConfiguration(scan)
			all = append(all, c)
			return err
		})
	if err != nil || len(all) <= max {
		return all, "", err
	}
	last := all[max-1]
	return all[:max], db.page.token(list, position{last.UpdateTime.UnixNano(), last.ARN.ID}), nil
}
