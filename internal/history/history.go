// Package history keeps the frames of rooms in SQL for as long as the room's settings
// say: for lists of messages, for clients that join, and for export. Its tables are part
// of the transcript's database, so that a frame that is logged and kept is one commit.
//
// The log of all rooms has two levels, as a log-structured merge tree has:
//
//	history_batches  one row for each group commit, with the frames of all rooms in it
//	history_pieces   rows of one room each, with some hundred frames, compressed
//
// So a kept frame costs no row of its own when it is written, and few when it is read.
// A compaction moves batches into pieces in the background, and merges small pieces.
// Reads look at both levels in one statement. The position of a frame is its batch's
// number and its index there, and never changes. The positions of one room grow in the
// order of its frames.
//
// A frame expires by the room's present retention: callers pass the oldest time that may
// be seen, and whole pieces are deleted in the background. A piece covers at most an
// eighth of the retention.
//
// Compaction, deletion and erasure are done by one server at a time, under a lease.
package history

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// Tables are those of the history, for sqldb.Spec. The lease is not copied.
func Tables() []sqldb.Table {
	return []sqldb.Table{
		{Name: "history_batches", Columns: "number, body", Numbered: "number"},
		{Name: "history_pieces", Columns: "room_id, first, last, oldest, newest, count, size, body"},
		{Name: "history_deletions", Columns: "room_id, message_id, time, deleted_by, reason"},
		{Name: "history_disconnects", Columns: "room_id, user_id, time"},
		{Name: "history_rooms", Columns: "room_id, look"},
		{Name: "history_erasures", Columns: "user_id, room_id, at_room, at_position, erased, time"},
	}
}

// Rooms returns the present retention of rooms.
type Rooms interface {
	// HistoryRetention returns how long the frames of the room are kept, 0 if they are
	// not, or NotFound for a room that was deleted.
	HistoryRetention(ctx context.Context, roomID string) (time.Duration, error)
}

// Options configure the history. Log is required.
type Options struct {
	// Rooms is used by Prune. Without it nothing expires.
	Rooms Rooms
	Log   *slog.Logger
	// Metrics may be nil.
	Metrics *Metrics
}

// DB has the history of all rooms. Its methods are safe for concurrent use. Database
// failures are *chat.Error with the code Unavailable.
type DB struct {
	o     Options
	sql   *sqldb.DB
	codec codec

	// work is held by what changes pieces: one at a time in this process, and under the
	// lease over all servers.
	work sync.Mutex
	// tails are the last pieces of rooms, the last one first, as this process left them;
	// guarded by work. See DB.leased.
	tails map[string][]piece
	// epochs are those of the last frames in the pieces of rooms; guarded by work.
	epochs map[string]uint64

	// appendedBytes and appendedBatches count what Append wrote since the last
	// compaction.
	appendedBytes, appendedBatches atomic.Int64
	// waiting is since when frames wait that were appended here, by the local clock.
	waiting time.Time     // used by maintain
	wake    chan struct{} // 1 buffered: something was appended

	await func(ctx context.Context, roomID string) []*chat.Frame // see Await

	stop       context.CancelFunc
	background sync.WaitGroup
}

// New returns the history in a database that was opened with transcript.Database. Close
// it before the database.
func New(db *sqldb.DB, o Options) *DB {
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return &DB{o: o, sql: db, tails: map[string][]piece{}, epochs: map[string]uint64{}, wake: make(chan struct{}, 1), await: func(context.Context, string) []*chat.Frame { return nil }, stop: func() {}}
}

// Await makes reads of a room call await first: it waits until the frames that the room has
// delivered are stored. While the database fails it does not wait, and returns those of them that
// delete messages or disconnect users: their effect is to be seen nevertheless. Reads must not
// begin before.
func (db *DB) Await(await func(ctx context.Context, roomID string) (unstored []*chat.Frame)) {
	db.await = await
}

// Start begins to compact and prune in the background, until Close. Only servers do
// this: commands that open the database beside a server must not.
func (db *DB) Start() {
	ctx, stop := context.WithCancel(context.Background())
	db.stop = stop
	db.background.Go(func() { db.maintain(ctx) })
}

// Close ends the background work.
func (db *DB) Close() {
	db.stop()
	db.background.Wait()
}

// Message is a frame of a room's history. An event has no content and no sender's
// attributes.
type Message struct {
	// Position grows from frame to frame of a room, with gaps. It is never reused.
	Position int64
	// Epoch and Sequence are the frame's, see chat.Frame.
	Epoch, Sequence uint64
	Type            chat.FrameType
	Action          chat.Action
	ID              string
	SendTime        time.Time
	// UserID is the sender of a message. For an event it is chat.Frame.UserID.
	UserID           string
	Content          string
	Attributes       map[string]string
	SenderAttributes map[string]string
	EventName        string
	// Frame is the JSON as it was delivered.
	Frame []byte
	// Hidden is set if only UserID got the frame.
	Hidden bool
	// Deletion is nil for a message that was not deleted, and for events.
	Deletion *Deletion
}

// Deletion is when a message was deleted, by whom (a user id, or the ARN of a principal)
// and why.
type Deletion struct {
	Time   time.Time
	By     string
	Reason string
}

// Cursor is the position at which a list continues. It is valid for the query that it came
// from.
type Cursor struct {
	// Position is that of the last frame that the previous page has looked at.
	Position int64
}

// Query selects messages of one room for List.
type Query struct {
	RoomID      string
	NewestFirst bool
	// After is the cursor of the previous page; nil for the first page.
	After *Cursor
	// Start and End bound the SendTime: Start is included, End is not. The zero time is
	// no bound.
	Start, End time.Time
	// NotBefore is the oldest SendTime that the room's retention allows.
	NotBefore time.Time
	// UserID selects the messages of one sender; empty selects all.
	UserID string
	// IncludeDeleted also returns messages that were deleted.
	IncludeDeleted bool
	// IncludeHidden also returns messages that only their senders got. Those of Viewer are
	// always returned.
	IncludeHidden bool
	Viewer        string
	// ID selects one message; empty selects all.
	ID string
	// IncludeEvents also returns events. They are never deleted.
	IncludeEvents bool
	// Max is the most messages to return, at least 1.
	Max int
	// unstored are the deletions that the database does not have yet, by message.
	unstored map[string]*Deletion
}
