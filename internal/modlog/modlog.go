// Package modlog is the moderation log: who deleted a message, disconnected a user, created or
// deleted a ban, or changed a mode or a filter, and which messages filters have matched. It is
// a table of the main database. It never has the content of a message.
//
// A change that is stored in the main database writes its event in its own transaction
// (Log.Add). Events of live rooms are noted in memory and written in batches (Log.Note), so a
// room never waits for the log.
//
// Database failures are *chat.Error with the code Unavailable.
package modlog

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/quota"
	"confab/internal/sqldb"
)

// Action is the kind of an event.
type Action string

// The actions.
const (
	DeleteMessage       Action = "DELETE_MESSAGE"
	DisconnectUser      Action = "DISCONNECT_USER"
	CreateBan           Action = "CREATE_BAN"
	UpdateBan           Action = "UPDATE_BAN"
	DeleteBan           Action = "DELETE_BAN"
	UpdateRoomModes     Action = "UPDATE_ROOM_MODES"
	PutContentFilter    Action = "PUT_CONTENT_FILTER"
	DeleteContentFilter Action = "DELETE_CONTENT_FILTER"
	FilterHit           Action = "CONTENT_FILTER_HIT"
	DeleteUserMessages  Action = "DELETE_USER_MESSAGES"
	EraseUser           Action = "ERASE_USER"
)

// Event is one action of a moderator or a content filter.
type Event struct {
	// ID is unique. An event that is written again under its ID replaces the details of the
	// first one.
	ID     string
	Time   time.Time
	Action Action
	// RoomID is the room; empty for every room.
	RoomID string
	// UserID is the user whom the action was about; empty if that is unknown, or if it was
	// about no user.
	UserID    string
	MessageID string
	By        Actor
	Reason    string
	Details   map[string]string
}

// Actor is who took an action: a principal, or a moderator with a connection to the room or
// a chat token of it. Both fields are empty for a content filter.
type Actor struct{ PrincipalARN, UserID string }

// ActorOf returns the Actor of an ARN: that of a principal, or a room's ARN, a slash and the
// user id of a moderator.
func ActorOf(by string) Actor {
	if rest, ok := strings.CutPrefix(by, "arn:aws:ivschat:"); ok {
		if _, room, ok := strings.Cut(rest, ":room/"); ok {
			if _, user, ok := strings.Cut(room, "/"); ok {
				return Actor{UserID: user}
			}
		}
	}
	return Actor{PrincipalARN: by}
}

// Options configure a Log. Fields without a comment are required.
type Options struct {
	// Retention is how long events are kept; 0 is DefaultRetention.
	Retention time.Duration
	Log       *slog.Logger
	Metrics   *Metrics
	Now       func() time.Time
}

// DefaultRetention is Options.Retention if that is 0.
const DefaultRetention = 90 * 24 * time.Hour

// Log is the moderation log. Its methods are safe for concurrent use.
type Log struct {
	o     Options
	sql   *sqldb.DB
	spool *sqldb.Spool[*Event]
	work  sync.WaitGroup

	mu      sync.Mutex // mu guards the fields below.
	hits    quota.Bucket
	pending <-chan struct{} // it is closed when the last noted event is stored; nil at first
}

const (
	// spoolBytes bounds the events in memory that wait to be written, about 10,000.
	spoolBytes = 4 << 20
	batchItems = 256
	batchBytes = 256 << 10
	// gather is the time in which events share a transaction.
	gather = 200 * time.Millisecond
	// overhead is about the memory of an event besides its texts.
	overhead = 256
	// HitsPerSecond is how many matches of content filters a server records in a second.
	// Clients that send nothing but such messages would fill the log otherwise.
	HitsPerSecond = 100
)

// New returns the log in a database. It writes in the background until Close.
func New(db *sqldb.DB, o Options) *Log {
	if o.Retention <= 0 {
		o.Retention = DefaultRetention
	}
	l := &Log{o: o, sql: db, hits: quota.NewBucket(HitsPerSecond)}
	l.spool = sqldb.NewSpool(sqldb.Commits[*Event]{
		Label: db.Label(), Metrics: db.Metrics(), Write: l.write,
		BatchItems: batchItems, BatchSize: batchBytes, Capacity: spoolBytes, Gather: gather,
	}, l.trouble, func(n int) { o.Metrics.Dropped.Add(float64(n)) })
	l.work.Go(l.spool.Run)
	return l
}

// Close writes what waits, and ends the background work.
func (l *Log) Close() {
	l.spool.Close()
	l.work.Wait()
}

func (l *Log) trouble(err error) {
	if err == nil {
		l.o.Log.LogAttrs(context.Background(), slog.LevelInfo, "Moderation log writes recovered")
		return
	}
	l.o.Log.LogAttrs(context.Background(), slog.LevelError, "The moderation log cannot be written; events wait in memory", slog.Any("error", err))
}

// Note records an event, which is written soon, and does not block. When too many events
// wait, it drops the event and counts it; so it does with a FilterHit above HitsPerSecond.
func (l *Log) Note(e *Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Action == FilterHit && !l.hits.Allow(l.o.Now()) {
		l.o.Metrics.Dropped.Inc()
		return
	}
	stored, err := l.spool.Add(e, e.size())
	if err != nil {
		l.o.Metrics.Dropped.Inc()
		return
	}
	l.pending = stored
}

func (e *Event) size() int {
	n := overhead + len(e.UserID) + len(e.By.PrincipalARN) + len(e.By.UserID) + len(e.Reason)
	for k, v := range e.Details {
		n += len(k) + len(v)
	}
	return n
}

// flushWithin bounds the wait of Flush.
const flushWithin = time.Second

// Flush returns when the events that Note got before are stored, or after a second.
func (l *Log) Flush(ctx context.Context) {
	l.mu.Lock()
	pending := l.pending
	l.mu.Unlock()
	if pending == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushWithin)
	defer cancel()
	select {
	case <-pending:
	case <-ctx.Done():
	}
}

// write stores noted events. It may be called again with the same ones.
func (l *Log) write(ctx context.Context, events []*Event) error {
	once := distinct(events)
	return l.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		for _, e := range once {
			if err := l.insert(ctx, s, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Add stores an event in the transaction of its change. It sets ID and Time.
func (l *Log) Add(ctx context.Context, s sqldb.Session, e *Event) error {
	e.ID, e.Time = chat.NewID(), l.o.Now()
	return l.insert(ctx, s, e)
}
