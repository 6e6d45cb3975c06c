package contentfilter

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/filter"
	"confab/internal/sqldb"
)

// Table is the table of the filters, for sqldb.Spec.
var Table = sqldb.Table{Name: "content_filters", Columns: summaryColumns + ", terms, expressions, change, deleted"}

const summaryColumns = `room_id, name, action, message, term_count, expression_count, update_time`

// scan reads summaryColumns, and what follows.
func (f *Filter) scan(scan func(...any) error, more ...any) error {
	var message []byte
	var updated int64
	err := scan(append([]any{&f.RoomID, &f.Name, &f.Action, &message, &f.TermCount, &f.ExpressionCount, &updated}, more...)...)
	f.Message, f.UpdateTime = string(message), sqldb.Time(updated)
	return err
}

// scanLists reads summaryColumns, terms and expressions, and what follows.
func (f *Filter) scanLists(scan func(...any) error, more ...any) error {
	var terms, expressions []byte
	if err := f.scan(scan, append([]any{&terms, &expressions}, more...)...); err != nil {
		return err
	}
	if err := json.Unmarshal(terms, &f.Terms); err != nil {
		return err
	}
	return json.Unmarshal(expressions, &f.Expressions)
}

const latestChange = `SELECT coalesce(max(change), 0) FROM content_filters`

// Put stores a filter, in the place of one with the same room and name, and sets its
// UpdateTime and counts. A *filter.RuleError says what is wrong with a rule; QuotaExceeded
// that there are too many filters or terms. It is in force on this server when Put returns,
// and on the others that answered.
func (f *Filters) Put(ctx context.Context, put *Filter) error {
	m, err := filter.Compile(put.Terms, put.Expressions)
	if err != nil {
		return err
	}
	f.keep(put, m)
	put.UpdateTime = f.now().Truncate(time.Microsecond)
	put.TermCount, put.ExpressionCount = len(put.Terms), len(put.Expressions)
	terms, err := json.Marshal(put.Terms)
	if err != nil {
		return err
	}
	expressions, err := json.Marshal(put.Expressions)
	if err != nil {
		return err
	}
	return f.change(ctx, func(ctx context.Context, s sqldb.Session, number int64) error {
		if err := f.admit(ctx, s, put); err != nil {
			return err
		}
		if _, err := s.Exec(ctx, `DELETE FROM content_filters WHERE room_id = $1 AND name = $2`, put.RoomID, put.Name); err != nil {
			return err
		}
		_, err := s.Exec(ctx, `INSERT INTO content_filters (`+Table.Columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`,
			put.RoomID, put.Name, string(put.Action), []byte(put.Message), put.TermCount, put.ExpressionCount, put.UpdateTime.UnixNano(),
			terms, expressions, number)
		if err != nil {
			return err
		}
		return f.note(ctx, s, put, false)
	})
}

func (f *Filters) note(ctx context.Context, s sqldb.Session, changed *Filter, deleted bool) error {
	if f.Noted == nil {
		return nil
	}
	return f.Noted(ctx, s, changed, deleted)
}

// admit returns QuotaExceeded if there would be too many filters or terms.
func (f *Filters) admit(ctx context.Context, s sqldb.Session, put *Filter) error {
	var all, here, terms int
	if _, err := s.Row(ctx, `SELECT count(*), coalesce(sum(CASE WHEN room_id = $1 THEN 1 ELSE 0 END), 0), coalesce(sum(term_count), 0)
		FROM content_filters WHERE deleted = 0 AND NOT (room_id = $1 AND name = $2)`, []any{put.RoomID, put.Name}, &all, &here, &terms); err != nil {
		return err
	}
	switch {
	case here >= MaxInScope && put.RoomID == "":
		return tooMany(MaxInScope, "content filters for every room")
	case here >= MaxInScope:
		return tooMany(MaxInScope, "content filters in a room")
	case all >= MaxFilters:
		return tooMany(MaxFilters, "content filters")
	case terms+put.TermCount > MaxTerms:
		return tooMany(MaxTerms, "terms in all content filters")
	}
	return nil
}

// change makes a change with its number in a transaction.
func (f *Filters) change(ctx context.Context, do func(ctx context.Context, s sqldb.Session, number int64) error) error {
	err := f.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		var last int64
		if _, err := s.Row(ctx, latestChange, nil, &last); err != nil {
			return err
		}
		return do(ctx, s, last+1)
	})
	if err != nil {
		return err
	}
	return f.tell(ctx)
}

// Get returns a filter, or NotFound.
func (f *Filters) Get(ctx context.Context, roomID, name string) (*Filter, error) {
	var got Filter
	found := false
	err := f.sql.Read().Rows(ctx, `SELECT `+summaryColumns+`, terms, expressions FROM content_filters WHERE room_id = $1 AND name = $2 AND deleted = 0`,
		[]any{roomID, name}, func(scan func(...any) error) error {
			found = true
			return got.scanLists(scan)
		})
	if err == nil && !found {
		err = noSuchFilter(name)
	}
	return &got, err
}

// remove is the rest of an UPDATE that deletes filters. It takes the number of the change,
// the time and noRules.
const remove = `change = $1, deleted = 1, terms = $3, expressions = $3, term_count = 0, expression_count = 0, update_time = $2`

var noRules = []byte("[]")

// Delete deletes a filter, or returns NotFound.
func (f *Filters) Delete(ctx context.Context, roomID, name string) error {
	return f.change(ctx, func(ctx context.Context, s sqldb.Session, number int64) error {
		n, err := s.Exec(ctx, `UPDATE content_filters SET `+remove+` WHERE room_id = $4 AND name = $5 AND deleted = 0`,
			number, f.now().UnixNano(), noRules, roomID, name)
		if err == nil && n == 0 {
			err = noSuchFilter(name)
		}
		if err != nil {
			return err
		}
		return f.note(ctx, s, &Filter{RoomID: roomID, Name: name}, true)
	})
}

// DeleteRoom deletes the filters of a room in the transaction that deletes the room. Other
// servers learn of it when they read changes.
func (f *Filters) DeleteRoom(ctx context.Context, s sqldb.Session, roomID string) error {
	var last int64
	if _, err := s.Row(ctx, latestChange, nil, &last); err != nil {
		return err
	}
	_, err := s.Exec(ctx, `UPDATE content_filters SET `+remove+` WHERE room_id = $4 AND deleted = 0`, last+1, f.now().UnixNano(), noRules, roomID)
	return err
}

// Place is the last filter of a page, after which a list continues.
type Place struct{ RoomID, Name string }

// List returns a page of at most most filters, without terms and expressions, ordered by
// room and name: those of one room, or, with everywhere set, all filters. next is the place
// of the last one, or nil if there are no more.
func (f *Filters) List(ctx context.Context, roomID string, everywhere bool, most int, after Place) (page []Filter, next *Place, err error) {
	query, args := ` AND name > $1 AND room_id = $2`, []any{after.Name, roomID}
	if everywhere {
		query, args = ` AND (room_id > $2 OR room_id = $2 AND name > $1)`, []any{after.Name, after.RoomID}
	}
	args = append(args, most+1)
	err = f.sql.Read().Rows(ctx, `SELECT `+summaryColumns+` FROM content_filters WHERE deleted = 0`+query+` ORDER BY room_id, name LIMIT $3`, args,
		func(scan func(...any) error) error {
			var got Filter
			if err := got.scan(scan); err != nil {
				return err
			}
			if len(page) == most {
				last := page[most-1]
				next = &Place{last.RoomID, last.Name}
				return nil
			}
			page = append(page, got)
			return nil
		})
	return page, next, err
}

// kept is how long a deleted filter stays in the database, so that every server reads that
// it was deleted.
const kept = 24 * time.Hour

// Prune deletes the records of filters that were deleted long ago. The newest change stays,
// so that no number is used twice.
func (f *Filters) Prune(ctx context.Context) error {
	return f.sql.DeleteBefore(ctx, `DELETE FROM content_filters WHERE change IN (SELECT change FROM content_filters
		WHERE deleted = 1 AND update_time < $1 AND change < (SELECT max(change) FROM content_filters) ORDER BY change LIMIT $2)`, f.now().Add(-kept))
}
