package modlog

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"confab/internal/sqldb"
)

// Table is the table of the events, for sqldb.Spec.
var Table = sqldb.Table{Name: "moderation_events", Columns: "number, " + columns, Numbered: "number"}

const columns = `id, time, action, room_id, user_id, message_id, by_principal, by_user, reason, details`

func (l *Log) insert(ctx context.Context, s sqldb.Session, e *Event) error {
	details := []byte{}
	if len(e.Details) > 0 {
		var err error
		if details, err = json.Marshal(e.Details); err != nil {
			return err
		}
	}
	_, err := s.Exec(ctx, `INSERT INTO moderation_events (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET details = excluded.details`,
		e.ID, e.Time.UnixNano(), string(e.Action), e.RoomID, []byte(e.UserID), e.MessageID,
		[]byte(e.By.PrincipalARN), []byte(e.By.UserID), []byte(e.Reason), details)
	return err
}

// distinct returns the events in the order of their IDs, in which all servers insert. Of those
// with one ID it returns the first one, with the details of the last one.
func distinct(events []*Event) []*Event {
	all := slices.Clone(events)
	slices.SortStableFunc(all, func(a, b *Event) int { return strings.Compare(a.ID, b.ID) })
	once := all[:0]
	for _, e := range all {
		last := len(once) - 1
		if last < 0 || once[last].ID != e.ID {
			once = append(once, e)
			continue
		}
		first := *once[last]
		first.Details = e.Details
		once[last] = &first
	}
	return once
}

// Query selects events; empty fields select all.
type Query struct {
	// RoomID selects the events of one room, without those of every room.
	RoomID string
	// UserID selects the events about one user.
	UserID string
	// Start and End bound the time: Start is included, End is not.
	Start, End time.Time
	// After is the place of the previous page; nil for the first page.
	After *Place
	// Max is the most events to return, at least 1.
	Max int
}

// Place is the last event of a page: its time, in nanoseconds since 1970, and its number.
// The next page begins after it.
type Place struct{ Time, Number int64 }

// List returns a page of events, the latest first, and the place of the last one if there
// are more.
func (l *Log) List(ctx context.Context, q Query) (page []Event, next *Place, err error) {
	query := `SELECT number, ` + columns + ` FROM moderation_events WHERE time >= $1`
	oldest := l.o.Now().Add(-l.o.Retention)
	if q.Start.After(oldest) {
		oldest = q.Start
	}
	args := []any{oldest.UnixNano()}
	and := func(condition string, values ...any) {
		query += ` AND ` + condition + sqldb.Placeholder(len(args)+1)
		if args = append(args, values...); len(values) > 1 {
			query += `, ` + sqldb.Placeholder(len(args)) + `)`
		}
	}
	if q.RoomID != "" {
		and(`room_id = `, q.RoomID)
	}
	if q.UserID != "" {
		and(`user_id = `, []byte(q.UserID))
	}
	if !q.End.IsZero() {
		and(`time < `, q.End.UnixNano())
	}
	if q.After != nil {
		and(`(time, number) < (`, q.After.Time, q.After.Number)
	}
	args = append(args, q.Max+1)
	query += ` ORDER BY time DESC, number DESC LIMIT ` + sqldb.Placeholder(len(args))
	var last Place
	err = l.sql.Read().Rows(ctx, query, args, func(scan func(...any) error) error {
		if len(page) == q.Max {
			next = &last
			return nil
		}
		var e Event
		number, err := e.scan(scan)
		last = Place{e.Time.UnixNano(), number}
		page = append(page, e)
		return err
	})
	return page, next, err
}

// scan reads number and columns.
func (e *Event) scan(scan func(...any) error) (number int64, err error) {
	var at int64
	var user, principal, by, reason, details []byte
	if err := scan(&number, &e.ID, &at, &e.Action, &e.RoomID, &user, &e.MessageID, &principal, &by, &reason, &details); err != nil {
		return 0, err
	}
	e.Time, e.UserID, e.By, e.Reason = sqldb.Time(at), string(user), Actor{string(principal), string(by)}, string(reason)
	if len(details) > 0 {
		err = json.Unmarshal(details, &e.Details)
	}
	return number, err
}

// Most is how many events are kept at most, whatever their age. They take about a gigabyte.
const Most = 5_000_000

// Prune deletes the events that are older than the retention, and the oldest above Most, in
// small transactions.
func (l *Log) Prune(ctx context.Context) error { return l.prune(ctx, Most) }

func (l *Log) prune(ctx context.Context, most int64) error {
	now, err := l.sql.Now(ctx)
	if err != nil {
		return err
	}
	err = l.sql.DeleteBefore(ctx, `DELETE FROM moderation_events WHERE number IN
		(SELECT number FROM moderation_events WHERE time < $1 ORDER BY time LIMIT $2)`, now.Add(-l.o.Retention))
	if err != nil {
		return err
	}
	var first, last int64
	if _, err := l.sql.Read().Row(ctx, `SELECT coalesce(min(number), 0), coalesce(max(number), 0) FROM moderation_events`, nil, &first, &last); err != nil {
		return err
	}
	for before := last - most; first <= before; {
		// Numbers have gaps, so this deletes at most as many events.
		to := min(first+sqldb.DeleteRows-1, before)
		err := l.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
			_, err := s.Exec(ctx, `DELETE FROM moderation_events WHERE number <= $1`, to)
			return err
		})
		if err != nil {
			return err
		}
		first = to + 1
	}
	return nil
}
