package transcript

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/sqldb"
)

// A backlog is new or grows. One that was finished starts again.
var insertBacklogs = sqldb.NewInserts(`INSERT INTO backlogs (reader_id, room_id, delivered, head, since, bytes) VALUES `, 6,
	` ON CONFLICT (reader_id, room_id) DO UPDATE SET head = excluded.head,
		since = CASE WHEN backlogs.delivered < backlogs.head THEN backlogs.since ELSE excluded.since END,
		bytes = CASE WHEN backlogs.delivered < backlogs.head THEN backlogs.bytes ELSE 0 END + excluded.bytes`)

type backlogKey struct {
	reader int64
	room   string
}

// compare is the order in which transactions change backlogs, which avoids deadlocks.
func (k backlogKey) compare(other backlogKey) int {
	return cmp.Or(cmp.Compare(k.reader, other.reader), strings.Compare(k.room, other.room))
}

// owing is what the frames add to one backlog.
type owing struct {
	backlogKey
	since int64
	bytes int
}

// addBacklogs records which readers are owed the frames. The frames' positions are
// after before, up to head.
func addBacklogs(ctx context.Context, s sqldb.Session, frames []*chat.Frame, ids map[string]int64, before, head int64) error {
	var all []*owing
	known := map[backlogKey]*owing{}
	for _, f := range frames {
		for _, arn := range readersOf(f) {
			key := backlogKey{ids[arn], f.RoomID}
			if key.reader == 0 {
				continue
			}
			o := known[key]
			if o == nil {
				o = &owing{backlogKey: key, since: math.MaxInt64}
				known[key] = o
				all = append(all, o)
			}
			o.since = min(o.since, f.Time.UnixNano())
			o.bytes += len(f.JSON)
		}
	}
	slices.SortFunc(all, func(a, b *owing) int { return a.compare(b.backlogKey) })
	return sqldb.EachGroup(insertBacklogs, all, func(query string, group []*owing) error {
		args := make([]any, 0, 6*len(group))
		for _, o := range group {
			args = append(args, o.reader, o.room, before, head, o.since, o.bytes)
		}
		_, err := s.Exec(ctx, query, args...)
		return err
	})
}

// Backlogs returns up to max rooms with undelivered records for the reader that are
// older than before or larger than size bytes, oldest first.
func (db *DB) Backlogs(ctx context.Context, reader int64, before time.Time, size int64, max int) ([]chatlog.Backlog, error) {
	const columns = `SELECT room_id, delivered, head, object_key, object_to FROM backlogs WHERE reader_id = $1 AND delivered < head AND `
	var all []chatlog.Backlog
	seen := map[string]bool{}
	add := func(scan func(...any) error) error {
		b := chatlog.Backlog{ReaderID: reader}
		var key *string
		var to *int64
		if err := scan(&b.RoomID, &b.Delivered, &b.Head, &key, &to); err != nil {
			return err
		}
		if key != nil && to != nil {
			b.Object = &chatlog.Object{Key: *key, To: *to}
		}
		if !seen[b.RoomID] {
			seen[b.RoomID] = true
			all = append(all, b)
		}
		return nil
	}
	s := db.sql.Read()
	if err := s.Rows(ctx, columns+`since <= $2 ORDER BY since LIMIT $3`, []any{reader, before.UnixNano(), max}, add); err != nil {
		return nil, err
	}
	if left := max - len(all); left > 0 {
		if err := s.Rows(ctx, columns+`bytes >= $2 ORDER BY bytes DESC LIMIT $3`, []any{reader, size, left}, add); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Owed returns up to max records of the backlog's room for its reader, in order, at
// positions after the position after and up to to. Fewer than max means that there are no
// more.
func (db *DB) Owed(ctx context.Context, b chatlog.Backlog, after, to int64, max int) ([]chatlog.Record, error) {
	var all []chatlog.Record
	err := db.sql.Read().Rows(ctx, `SELECT position, time, type, json FROM transcript
		WHERE room_id = $1 AND position > $2 AND position <= $3 AND readers LIKE $4 ORDER BY position LIMIT $5`,
		[]any{b.RoomID, after, to, readerPattern(b.ReaderID), max}, func(scan func(...any) error) error {
			var r chatlog.Record
			var at int64
			if err := scan(&r.Position, &at, &r.Type, &r.JSON); err != nil {
				return err
			}
			r.Time = sqldb.Time(at)
			all = append(all, r)
			return nil
		})
	return all, err
}

// readerPattern matches the id in the column that readerList makes.
func readerPattern(id int64) string { return fmt.Sprintf("%% %d %%", id) }

// move is a change of one backlog. Concurrent moves share one commit.
type move struct {
	backlog chatlog.Backlog
	object  *chatlog.Object // the object to begin; nil: the backlog advances
	to      int64
	bytes   int
	since   int64
	moved   bool // false: the backlog was not as expected
	claimed bool // false: this process may not deliver to the reader
}

func (m *move) key() backlogKey { return backlogKey{m.backlog.ReaderID, m.backlog.RoomID} }

func newMoves(db *DB) *sqldb.Committer[*move] {
	return sqldb.NewCommitter(sqldb.Commits[*move]{
		Label:   db.sql.Label(),
		Metrics: db.sql.Metrics(),
		Write: func(ctx context.Context, moves []*move) error {
			// The moves of one backlog keep their order.
			slices.SortStableFunc(moves, func(a, b *move) int { return a.key().compare(b.key()) })
			return db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
				for _, m := range moves {
					if err := m.write(ctx, s); err != nil {
						return err
					}
				}
				return nil
			})
		},
		BatchItems: 256,
		BatchSize:  256,
		Capacity:   1 << 20,
	})
}

func (m *move) write(ctx context.Context, s sqldb.Session) error {
	b := m.backlog
	var n int64
	var err error
	if m.object != nil {
		n, err = s.Exec(ctx, `UPDATE backlogs SET object_key = $5, object_to = $6
			WHERE reader_id = $1 AND room_id = $2 AND delivered = $3 AND object_key IS NULL AND `+claimed(s, "$4"),
			b.ReaderID, b.RoomID, b.Delivered, s.DB().Owner(), m.object.Key, m.object.To)
	} else {
		n, err = s.Exec(ctx, `UPDATE backlogs SET delivered = $5, object_key = NULL, object_to = NULL, since = $6,
			bytes = CASE WHEN bytes < $7 OR head = $5 THEN 0 ELSE bytes - $7 END
			WHERE reader_id = $1 AND room_id = $2 AND delivered = $3 AND `+claimed(s, "$4"),
			b.ReaderID, b.RoomID, b.Delivered, s.DB().Owner(), m.to, m.since, m.bytes)
	}
	if err != nil {
		return err
	}
	m.moved, m.claimed = n == 1, true
	if !m.moved {
		var one int
		m.claimed, err = s.Row(ctx, `SELECT 1 FROM readers WHERE id = $1 AND `+held(s, "$2"), []any{b.ReaderID, s.DB().Owner()}, &one)
	}
	return err
}

// move applies the change together with others. It fails when the reader is not
// claimed.
func (db *DB) move(ctx context.Context, m *move) error {
	err := db.moves.Commit(ctx, m, 1)
	if err == nil && !m.claimed {
		return fmt.Errorf("reader %d: %w", m.backlog.ReaderID, chatlog.ErrNotClaimed)
	}
	return err
}

// BeginObject makes the key and bounds of an object durable. It fails when the
// backlog has changed since b was read.
func (db *DB) BeginObject(ctx context.Context, b chatlog.Backlog, o chatlog.Object) error {
	m := &move{backlog: b, object: &o}
	if err := db.move(ctx, m); err != nil {
		return err
	}
	if !m.moved {
		return fmt.Errorf("the backlog of room %s has moved on from position %d", b.RoomID, b.Delivered)
	}
	return nil
}

// Advance records that everything up to the position to was acknowledged, which also
// finishes an object. bytes is the size of that, since the time of the last record. A
// backlog that another process moved does not change. A reader that is no longer
// claimed is chatlog.ErrNotClaimed.
func (db *DB) Advance(ctx context.Context, b chatlog.Backlog, to int64, bytes int, since time.Time) error {
	return db.move(ctx, &move{backlog: b, to: to, bytes: bytes, since: since.UnixNano()})
}
