package history

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// mostLooked bounds how many frames one call of List looks at.
const mostLooked = 10_000

// List returns a page of messages, and the cursor of the next page; nil at the end. One
// call looks at a bounded number of frames, so a page may have fewer than q.Max messages,
// or none, although there are more. New messages do not shift pages: each message is on
// exactly one.
func (db *DB) List(ctx context.Context, q Query) ([]Message, *Cursor, error) {
	for _, f := range db.await(ctx, q.RoomID) { // This comes before the read, which finds what was stored meanwhile.
		if f.Deletion != nil {
			if q.unstored == nil {
				q.unstored = map[string]*Deletion{}
			}
			q.unstored[f.Deletion.MessageID] = &Deletion{Time: sqldb.Time(f.Time.UnixNano()), By: f.Deletion.By, Reason: f.Deletion.Reason}
		}
	}
	page, next, err := db.list(ctx, q)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		db.o.Metrics.FailedReads.Inc()
	}
	return page, next, err
}

func (db *DB) list(ctx context.Context, q Query) ([]Message, *Cursor, error) {
	spans, err := db.spans(ctx, &q)
	if err != nil {
		return nil, nil, err
	}
	var page []Message
	var batches unmoved
	looked := 0
	for _, in := range spans {
		if q.After != nil {
			if q.NewestFirst {
				in.last = min(in.last, q.After.Position-1)
			} else {
				in.first = max(in.first, q.After.Position+1)
			}
		}
		for in.first <= in.last {
			var chunks []chunk
			if chunks, in, err = db.readOnce(ctx, q.RoomID, in, q.NewestFirst); err != nil {
				return nil, nil, err
			}
			if err := batches.add(ctx, db, q.RoomID, chunks); err != nil {
				return nil, nil, err
			}
			for i := range chunks {
				records, err := db.records(ctx, q.RoomID, &chunks[i])
				if err != nil {
					return nil, nil, err
				}
				records = batches.filter(records)
				if q.NewestFirst {
					slices.Reverse(records)
				}
				for len(records) > 0 {
					n, err := db.choose(ctx, &q, records, &page)
					if err != nil {
						return nil, nil, err
					}
					last := records[n-1].position
					records = records[n:]
					looked += n
					if len(page) == q.Max || looked >= mostLooked {
						return page, &Cursor{Position: last}, nil
					}
				}
			}
		}
	}
	return page, nil, nil
}

// choose adds messages of the records that the query selects to the page, until it is
// full or the records end, and returns how many records it looked at, at least one.
func (db *DB) choose(ctx context.Context, q *Query, records []record, page *[]Message) (looked int, err error) {
	want := q.Max - len(*page)
	some := make([]*record, 0, want)
	for i := range records {
		if looked = i + 1; q.selects(&records[i]) {
			if some = append(some, &records[i]); len(some) == want {
				break
			}
		}
	}
	deleted, err := db.deletions(ctx, q.RoomID, some)
	if err != nil {
		return 0, err
	}
	for _, r := range some {
		d := deleted[r.id]
		if d == nil {
			d = q.unstored[r.id]
		}
		if d != nil && !q.IncludeDeleted {
			continue
		}
		m, err := r.message(d)
		if err != nil {
			return 0, db.sql.Failed(ctx, err)
		}
		*page = append(*page, m)
	}
	return looked, nil
}

// selects reports whether the query selects the frame, apart from deletions.
func (q *Query) selects(r *record) bool {
	switch {
	case r.event && !q.IncludeEvents,
		r.action == withdrawal,
		r.hidden && !q.IncludeHidden && (r.user != q.Viewer || r.user == ""),
		q.ID != "" && r.id != q.ID,
		q.UserID != "" && r.user != q.UserID,
		!q.Start.IsZero() && r.time < q.Start.UnixNano(),
		!q.End.IsZero() && r.time >= q.End.UnixNano(),
		!q.NotBefore.IsZero() && r.time < q.NotBefore.UnixNano():
		return false
	}
	return true
}

// frameMembers are the members of a frame that a Message shows.
type frameMembers struct {
	EventName  string
	Content    string
	Attributes map[string]string
	Sender     struct{ Attributes map[string]string }
}

// message returns the record as a message.
func (r *record) message(d *Deletion) (Message, error) {
	m := Message{
		Position: r.position, Epoch: r.epoch, Sequence: r.sequence, Type: chat.MessageFrame, Action: r.action,
		ID: r.id, SendTime: sqldb.Time(r.time), UserID: r.user, Frame: slices.Clone(r.json), Hidden: r.hidden, Deletion: d,
	}
	if r.event {
		m.Type, m.Deletion = chat.EventFrame, nil
	}
	var f frameMembers
	if err := json.Unmarshal(r.json, &f); err != nil {
		return m, err
	}
	m.EventName, m.Content, m.Attributes, m.SenderAttributes = f.EventName, f.Content, f.Attributes, f.Sender.Attributes
	return m, nil
}

// The statements that look for deletions, for few and for many messages. They stay
// prepared.
var (
	fewDeletions  = deletionsOf(16)
	manyDeletions = deletionsOf(128)
)

func deletionsOf(n int) string {
	var b strings.Builder
	b.WriteString(`SELECT message_id, time, deleted_by, reason FROM history_deletions WHERE room_id = $1 AND message_id IN (`)
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(sqldb.Placeholder(i + 2))
	}
	b.WriteByte(')')
	return b.String()
}

// deletions returns the deletions of the messages by their ids.
func (db *DB) deletions(ctx context.Context, roomID string, records []*record) (map[string]*Deletion, error) {
	var found map[string]*Deletion
	for len(records) > 0 {
		query, n := manyDeletions, 128
		if len(records) <= 16 {
			query, n = fewDeletions, 16
		}
		args := make([]any, 1, n+1)
		args[0] = roomID
		for i := range n {
			args = append(args, []byte(records[min(i, len(records)-1)].id))
		}
		records = records[min(n, len(records)):]
		err := db.sql.Read().Rows(ctx, query, args, func(scan func(...any) error) error {
			var id, by, reason []byte
			var at int64
			if err := scan(&id, &at, &by, &reason); err != nil {
				return err
			}
			if found == nil {
				found = map[string]*Deletion{}
			}
			found[string(id)] = &Deletion{Time: sqldb.Time(at), By: string(by), Reason: string(reason)}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Latest returns the newest n messages that were neither deleted nor erased and are not
// older than notBefore, the oldest first. It also returns the newest of the hidden messages
// among them. It looks at a bounded number of frames, so after many deletions it may return
// fewer.
func (db *DB) Latest(ctx context.Context, roomID string, n int, notBefore time.Time) ([]Message, error) {
	q := Query{RoomID: roomID, NewestFirst: true, NotBefore: notBefore, IncludeHidden: true, Max: n}
	all, next, err := db.List(ctx, q)
	hidden := 0
	for _, m := range all {
		if m.Hidden {
			hidden++
		}
	}
	if err == nil && hidden > 0 && next != nil {
		q.After, q.IncludeHidden, q.Max = next, false, hidden
		var rest []Message
		rest, _, err = db.List(ctx, q)
		all = append(all, rest...)
	}
	slices.Reverse(all)
	return all, err
}

// Sender returns the user who sent a message, and whether only that user got it. It returns
// "" if the message is not among the last mostLooked frames of the room.
func (db *DB) Sender(ctx context.Context, roomID, messageID string) (userID string, hidden bool, err error) {
	page, _, err := db.List(ctx, Query{RoomID: roomID, NewestFirst: true, ID: messageID, IncludeDeleted: true, IncludeHidden: true, Max: 1})
	if err != nil || len(page) == 0 {
		return "", false, err
	}
	return page[0].UserID, page[0].Hidden, nil
}

// Frames calls yield for the frames of a room in their order: events, and messages with
// their deletions. It selects the SendTimes from from on and before to; the zero time sets
// no bound. It keeps a bounded number of frames in memory. An error of yield ends it and is
// returned.
func (db *DB) Frames(ctx context.Context, roomID string, from, to time.Time, yield func(*Message) error) error {
	return each(ctx, db, Query{RoomID: roomID, Start: from, End: to, IncludeDeleted: true, IncludeEvents: true, Max: 500}, yield)
}

// Kept is the history for clients that come back after the loss of all nodes.
type Kept struct{ *DB }

// Delivered is like Frames from a SendTime on, and also calls yield for hidden frames.
func (k Kept) Delivered(ctx context.Context, roomID string, from time.Time, yield func(*Message) error) error {
	return each(ctx, k.DB, Query{RoomID: roomID, Start: from, IncludeDeleted: true, IncludeEvents: true, IncludeHidden: true, Max: 500}, yield)
}

// Retention returns how long a room keeps its frames, 0 if it does not.
func (k Kept) Retention(ctx context.Context, roomID string) (time.Duration, error) {
	return k.o.Rooms.HistoryRetention(ctx, roomID)
}

func each(ctx context.Context, db *DB, q Query, yield func(*Message) error) error {
	for {
		page, next, err := db.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range page {
			if err := yield(&page[i]); err != nil {
				return err
			}
		}
		if next == nil {
			return nil
		}
		q.After = next
	}
}
