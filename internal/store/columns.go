package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// stamp returns the update time for a change: now, in whole microseconds, which every
// SDK can represent, but later than the result of newest. So update times of one kind
// of resource are unique and grow in the order of commits, even when the clock is set
// back. A list sorted by them can be continued exactly.
func (db *DB) stamp(ctx context.Context, s sqldb.Session, newest string) (int64, error) {
	var last *int64
	if _, err := s.Row(ctx, newest, nil, &last); err != nil {
		return 0, err
	}
	now := db.o.Now().Truncate(time.Microsecond).UnixNano()
	if last != nil {
		now = max(now, *last+int64(time.Microsecond))
	}
	return now, nil
}

// flag is a boolean for a column of integers.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// within fails if one more resource would exceed the limit; 0 is no limit. count
// counts the present ones, up to $1.
func within(ctx context.Context, s sqldb.Session, limit int, count string, arn chat.ARN) error {
	if limit <= 0 {
		return nil
	}
	var n int
	if _, err := s.Row(ctx, count, []any{limit}, &n); err != nil {
		return err
	}
	if n < limit {
		return nil
	}
	return &chat.Error{
		Code:     chat.QuotaExceeded,
		Message:  fmt.Sprintf("The account has %d %ss, and its quota is %d", n, arn.Type, limit),
		Resource: arn,
		Limit:    limit,
	}
}

// jsonMap is a map of strings in a column of text. It is never null: a nil map and an
// empty one are both {}.
type jsonMap map[string]string

// Value implements driver.Valuer.
func (m jsonMap) Value() (driver.Value, error) {
	if len(m) == 0 {
		return "{}", nil
	}
	b, err := json.Marshal(map[string]string(m))
	return string(b), err
}

// Scan implements sql.Scanner.
func (m *jsonMap) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("a JSON object is stored as %T", src)
	}
	*m = jsonMap{}
	if s == "{}" {
		return nil
	}
	return json.Unmarshal([]byte(s), (*map[string]string)(m))
}
