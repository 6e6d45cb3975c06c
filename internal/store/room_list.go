package store

import (
	"context"
	"strings"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// RoomFilter selects the rooms of ListRooms: those that match all set fields.
type RoomFilter struct {
	// Name is the exact name.
	Name *string
	// HandlerURI is the exact uri of the message review handler; "" finds the rooms
	// without review.
	HandlerURI *string
	// LoggingConfiguration is an ARN; "" does not filter.
	LoggingConfiguration string
}

// ListRooms returns up to max rooms, the last updated first, and the token for the
// next page; "" means that there is none. All pages of one filter together have no
// room twice, and every room that existed throughout and was not updated meanwhile. A
// token that is damaged, or from another list or filter, is Invalid. A logging
// configuration that does not exist is NotFound.
func (db *DB) ListRooms(ctx context.Context, f RoomFilter, max int, token string) (rooms []*chat.Room, next string, err error) {
	list := f.list()
	from, err := db.page.parse(list, token)
	if err != nil {
		return nil, "", err
	}
	args := []any{from.time, from.id, max + 1}
	where := ""
	and := func(condition string, value any) {
		args = append(args, value)
		where += " AND " + strings.ReplaceAll(condition, "?", sqldb.Placeholder(len(args)))
	}
	if f.Name != nil {
		and("rooms.name = ?", *f.Name)
	}
	if f.HandlerURI != nil {
		and("rooms.handler_uri = ?", *f.HandlerURI)
	}
	// The query follows an index of rooms, or of room_logging when that filters.
	walk, tables := "rooms.update_time, rooms.id", "rooms"
	if f.LoggingConfiguration != "" {
		arn, err := chat.ParseARN(f.LoggingConfiguration)
		if err != nil {
			return nil, "", chat.InvalidField("loggingConfigurationIdentifier", "%s", err.Error())
		}
		if arn != db.arn(chat.LoggingConfigurationResource, arn.ID) {
			return nil, "", chat.NoSuchResource(arn)
		}
		if _, err := db.LoggingConfiguration(ctx, arn.ID); err != nil {
			return nil, "", err
		}
		and("f.logging_configuration_id = ?", arn.ID)
		walk, tables = "f.update_time, f.room_id", "room_logging f JOIN rooms ON rooms.id = f.room_id"
	}
	query := `SELECT ` + roomColumns + ` FROM (
			SELECT rooms.* FROM ` + tables + ` WHERE (` + walk + `) < ($1, $2)` + where + `
			ORDER BY ` + strings.Replace(walk, ",", " DESC,", 1) + ` DESC LIMIT $3
		) AS r LEFT JOIN room_logging l ON l.room_id = r.id
		ORDER BY r.update_time DESC, r.id DESC, l.position`
	rs := roomScanner{db: db}
	if err := db.main.Read().Rows(ctx, query, args, rs.scan); err != nil {
		return nil, "", err
	}
	if len(rs.rooms) <= max {
		return rs.rooms, "", nil
	}
	last := rs.rooms[max-1]
	return rs.rooms[:max], db.page.token(list, position{last.UpdateTime.UnixNano(), last.ARN.ID}), nil
}

// list names the list and its filter, for the token.
func (f RoomFilter) list() []string {
	list := []string{"ListRooms", "", "", f.LoggingConfiguration}
	if f.Name != nil {
		list[1] = "=" + *f.Name
	}
	if f.HandlerURI != nil {
		list[2] = "=" + *f.HandlerURI
	}
	return list
}
