package store

import (
	"context"
	"log/slog"
	"maps"

	"confab/internal/chat"
	"confab/internal/sqldb"
	"confab/internal/webhook"
)

// tagTables are the tables with the tags of each type of resource.
var tagTables = map[chat.ResourceType]string{
	chat.RoomResource:                 "rooms",
	chat.LoggingConfigurationResource: "logging_configurations",
}

func (db *DB) tags(ctx context.Context, s sqldb.Session, arn chat.ARN) (map[string]string, error) {
	table := tagTables[arn.Type]
	if table == "" || arn != db.arn(arn.Type, arn.ID) {
		return nil, chat.NoSuchResource(arn)
	}
	var tags jsonMap
	found, err := s.Row(ctx, `SELECT tags FROM `+table+` WHERE id = $1`, []any{arn.ID}, &tags)
	if err == nil && !found {
		return nil, chat.NoSuchResource(arn)
	}
	return tags, err
}

// Tags returns the tags of a resource, never nil, or NotFound.
func (db *DB) Tags(ctx context.Context, arn chat.ARN) (map[string]string, error) {
	return db.tags(ctx, db.main.Read(), arn)
}

// ChangeTags reads the tags of a resource, calls change on the map and stores the
// result, in one transaction. It does not change the update time. An error of change
// leaves the tags unchanged and is returned. change must be quick and must not call
// the store.
func (db *DB) ChangeTags(ctx context.Context, arn chat.ARN, change func(tags map[string]string) error) error {
	notes := db.Webhooks.Notes()
	err := db.main.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		notes.Reset()
		tags, err := db.tags(ctx, s, arn)
		if err != nil {
			return err
		}
		before := maps.Clone(tags)
		if err := change(tags); err != nil {
			return err
		}
		_, err = s.Exec(ctx, `UPDATE `+tagTables[arn.Type]+` SET tags = $2 WHERE id = $1`, arn.ID, jsonMap(tags))
		if err != nil || arn.Type != chat.RoomResource {
			return err
		}
		if err := noteChange(ctx, s, arn.ID); err != nil || !notes.Wanted(webhook.RoomUpdated) {
			return err
		}
		room, err := db.room(ctx, s, arn.ID)
		if err != nil {
			return err
		}
		return noteRoom(ctx, s, notes, webhook.RoomUpdated, room, before)
	})
	if err == nil && arn.Type == chat.RoomResource {
		notes.Forward(ctx)
		keepsLess(ctx, db, arn.ID)
	}
	return err
}

// keepsLess has the history look at a room that may keep less than before. Without it,
// that takes up to an hour.
func keepsLess(ctx context.Context, db *DB, roomID string) {
	if err := db.history.Changed(ctx, roomID); err != nil {
		db.o.Log.LogAttrs(ctx, slog.LevelWarn, "History of a changed room not pruned at once; it is within an hour", slog.String("room", roomID), slog.Any("error", err))
	}
}
