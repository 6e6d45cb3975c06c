// Package transcript is the durable record of the frames that rooms delivered, in SQL, with
// its readers. A reader is a destination of chat logging or a webhook; it has a position up to
// which everything was delivered to it (packages chatlog and notify).
//
// A frame and the list of its readers are stored in one commit; concurrent frames share it
// (group commit). Frames that cannot be written wait in memory, so rooms continue while the
// disk does not work. A server takes a lease on a reader before it reads for it. Records that
// were delivered to all their readers, and those older than the retention, are pruned.
//
// DB implements messaging.Transcript and chatlog.Transcript.
package transcript

import (
	"context"
	"crypto/rand"
	"embed"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/chat"
	"confab/internal/history"
	"confab/internal/journal"
	"confab/internal/sqldb"
)

// The defaults of Options.
const (
	DefaultRetention  = 72 * time.Hour
	DefaultSpoolBytes = 64 << 20
	DefaultLogBytes   = 512 << 20
)

//go:embed migrations
var migrations embed.FS

// Database describes the database that New takes. logBytes is the approximate limit
// of SQLite's write-ahead log; 0 is 512 MiB. With a lower limit, frames wait more
// often for the log to restart.
func Database(logBytes int) sqldb.Spec {
	if logBytes <= 0 {
		logBytes = DefaultLogBytes
	}
	return sqldb.Spec{
		Name:            "transcript",
		Migrations:      migrations,
		LogBytes:        logBytes,
		PostgresReaders: 4,
		PostgresLock:    4,
		Loss:            "chat that was not yet logged, and the history of rooms, are then lost",
		// Leases are not copied.
		Tables: append([]sqldb.Table{
			{Name: "readers", Columns: "id, logging_configuration_id, destination_type, destination_name", Numbered: "id"},
			{Name: "transcript", Columns: "position, room_id, epoch, sequence, time, type, json, readers", Numbered: "position"},
			{Name: "backlogs", Columns: "reader_id, room_id, delivered, head, since, bytes, object_key, object_to"},
			{Name: "erasures", Columns: "user_id, room_id, phase, at_record, messages, started, time"},
			{Name: "erased_messages", Columns: "user_id, scope, room_id, messages"},
			{Name: "erased_logs", Columns: "user_id, scope, room_id, reader_id, hour, position"},
		}, history.Tables()...),
	}
}

// LoggingConfigurations looks up the readers of a frame.
type LoggingConfigurations interface {
	// LoggingConfiguration returns the one with the bare id, or NotFound.
	LoggingConfiguration(ctx context.Context, id string) (*chat.LoggingConfiguration, error)
}

// Rooms looks up the settings of rooms.
type Rooms interface {
	// Room returns the room, or NotFound.
	Room(ctx context.Context, id string) (*chat.Room, error)
}

// Options configure the transcript. Fields without a comment are required.
type Options struct {
	Configurations LoggingConfigurations
	Rooms          Rooms
	Webhooks       Webhooks
	// Region and Account are those in the ARNs of logging configurations.
	Region, Account string
	// Retention is how long frames stay in the transcript; 0 is 72 hours.
	Retention time.Duration
	// WebhookRetention is how long events stay in the transcript for webhooks; 0 is 24
	// hours.
	WebhookRetention time.Duration
	// SpoolBytes bounds the frames in memory that wait to be written, also while the
	// disk does not work; 0 is 64 MiB.
	SpoolBytes int
	// History gets the frames that are kept, in the same commits.
	History *history.DB
	// JournalDir is the folder of a journal of the frames that are not in the database yet.
	// Nothing else may use the journal in it. If it is empty, a frame waits for the commit
	// of the database.
	JournalDir string
	Log        *slog.Logger
	Metrics    *Metrics
}

// DB is the transcript. Its methods are safe for concurrent use.
type DB struct {
	o   Options
	sql *sqldb.DB

	// frames are those for the database. With a journal, intake has those for it, which then
	// enter frames.
	frames  *sqldb.Spool[entry]
	intake  *journal.Intake
	journal *journal.Journal
	hurry   chan struct{} // 1 buffered: the next commit shall not wait for more frames

	progress progress
	trouble  trouble

	drops   dropLog
	writing batchName // used by the goroutine that writes frames only
	readers readers
	moves   *sqldb.Committer[*move]

	background sync.WaitGroup
}

// New returns the transcript in a database that was opened with Database. Close it
// before the database. What an earlier process has left in the journal is in the database
// when New returns; see recoverFrames for the one exception.
func New(db *sqldb.DB, o Options) (*DB, error) {
	if o.Retention <= 0 {
		o.Retention = DefaultRetention
	}
	if o.WebhookRetention <= 0 {
		o.WebhookRetention = DefaultWebhookRetention
	}
	if o.SpoolBytes <= 0 {
		o.SpoolBytes = DefaultSpoolBytes
	}
	t := &DB{o: o, sql: db, hurry: make(chan struct{}, 1)}
	t.progress.last, t.progress.removals, t.progress.changed = map[string]int64{}, map[string][]*chat.Frame{}, make(chan struct{})
	t.frames = newFrames(t)
	t.moves = newMoves(t)
	if o.JournalDir != "" {
		left, err := openJournal(t)
		if err != nil {
			return nil, err
		}
		recoverFrames(t, left)
		t.intake = journal.NewIntake(func(frames []*chat.Frame) { writeJournal(t, frames) }, func(err error) { t.trouble.note(t, &t.trouble.journal, err) })
		t.background.Go(func() {
			t.intake.Run()
			t.frames.Close()
		})
	}
	if o.History != nil {
		o.History.Await(t.await)
	}
	t.background.Go(t.frames.Run)
	t.background.Go(t.moves.Run)
	return t, nil
}

// History returns the history of rooms, which is in the same database.
func (db *DB) History() *history.DB { return db.o.History }

// Close writes the waiting frames, for a few seconds at most. Append fails after it. What
// cannot be written stays in the journal.
func (db *DB) Close() {
	if db.journal == nil {
		db.frames.Close()
	} else {
		db.intake.Close()
	}
	db.moves.Close()
	db.background.Wait()
	if db.journal != nil {
		if err := db.journal.Close(); err != nil {
			db.o.Log.LogAttrs(context.Background(), slog.LevelWarn, "Journal of the transcript not closed", slog.Any("error", err))
		}
	}
}

// Record is one frame in the transcript.
type Record struct {
	// Position grows from record to record of a room, with gaps. It is never reused.
	Position int64
	RoomID   string
	// Epoch and Sequence are the frame's, see chat.Frame.
	Epoch    uint64
	Sequence uint64
	Time     time.Time
	Type     chat.FrameType
	JSON     []byte
}

const (
	transcriptBatch     = 512
	transcriptBatchSize = 4 << 20
	// transcriptGather makes frames of all rooms share commits as soon as they come more
	// often than this. The wait is short beside what a client notices.
	transcriptGather = 4 * time.Millisecond
	// frameOverhead is roughly the memory of a frame besides its JSON.
	frameOverhead = 256
)

var insertFrames = sqldb.NewInserts(`INSERT INTO transcript (room_id, epoch, sequence, time, type, json, readers) VALUES `, 7, ``)

func newFrames(db *DB) *sqldb.Spool[entry] {
	o := sqldb.Commits[entry]{
		Label:      db.sql.Label(),
		Metrics:    db.sql.Metrics(),
		Write:      db.writeFrames,
		BatchItems: transcriptBatch,
		BatchSize:  transcriptBatchSize,
		Capacity:   math.MaxInt, // See Append.
		Gather:     transcriptGather,
		Hurry:      db.hurry,
	}
	if db.o.JournalDir != "" {
		o.Gather = journalGather
	}
	return sqldb.NewSpool(o, func(err error) { db.trouble.note(db, &db.trouble.database, err) }, func(n int) { lost(db, n) })
}

// trouble is what cannot be written now.
type trouble struct {
	mu                sync.Mutex // guards journal and database
	journal, database bool
	any               atomic.Bool
}

// note notes that writing to one of them begins to fail or, without an error, works again.
func (t *trouble) note(db *DB, one *bool, err error) {
	t.mu.Lock()
	before := t.any.Load()
	*one = err != nil
	t.any.Store(t.journal || t.database)
	now := t.any.Load()
	t.mu.Unlock()
	db.progress.mu.Lock()
	db.progress.wakeLocked()
	db.progress.mu.Unlock()
	switch {
	case now && !before:
		db.o.Log.LogAttrs(context.Background(), slog.LevelError, "Transcript not written; frames are kept in memory and rooms continue", slog.Any("error", err), slog.Int("spool_bytes", db.o.SpoolBytes))
	case before && !now:
		db.o.Log.LogAttrs(context.Background(), slog.LevelInfo, "Transcript writes recovered")
	}
}

// lost is called at the end with how many frames the database did not take. Those in the
// journal are stored by the next process.
func lost(db *DB, n int) {
	if db.journal != nil {
		db.progress.mu.Lock()
		n = db.progress.bare
		db.progress.mu.Unlock()
	}
	if n > 0 {
		db.drops.add(db, n, sqldb.ErrClosed)
	}
}

// Append queues the frame for the transcript, after those appended before, and
// returns at once. The channel is closed when the frame is durable against kill -9.
// While neither journal nor database can be written, it is closed at once: the frame is then
// in a spool in memory, and is written when the disk works again. If the spool is full, the frame
// is dropped, counted and logged.
func (db *DB) Append(f *chat.Frame) <-chan struct{} {
	done := db.Queue(f)
	if db.intake != nil {
		db.intake.WakeUp()
	}
	return done
}

// Queue is Append for a caller that calls Write next, when it holds no lock.
func (db *DB) Queue(f *chat.Frame) <-chan struct{} {
	done, err := db.queue(f)
	if err != nil {
		db.drops.add(db, 1, err)
		return released
	}
	return done
}

// Write writes what was queued to the journal, in the goroutine of the caller, unless another
// one writes: that one, or one that it wakes, sees to it. So most frames wake no goroutine.
func (db *DB) Write() {
	if db.intake != nil {
		db.intake.Write()
	}
}

func (db *DB) queue(f *chat.Frame) (done <-chan struct{}, err error) {
	db.progress.mu.Lock()
	defer db.progress.mu.Unlock()
	if db.progress.size+sizeOf(f) > db.o.SpoolBytes {
		return nil, sqldb.ErrFull
	}
	if db.intake != nil {
		done, err = db.intake.Add(f)
	} else {
		done, err = db.frames.Add(entry{frame: f}, sizeOf(f))
	}
	if err != nil {
		return nil, err
	}
	db.progress.count(f)
	return done, nil
}

// Failing reports whether frames cannot be stored now, or are dropped.
func (db *DB) Failing() bool { return db.trouble.any.Load() }

// released is a closed channel.
var released = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// writeFrames stores the frames and the readers that are owed them, and gives those that
// are kept to the history.
//
// It locks the rooms first, and leaves out frames that do not stand any more (divide). So a
// room's rows become visible in the order of their positions, even while its home moves to
// another server. before is after all earlier rows of these rooms, and their later rows are
// after head. Other rooms may have uncommitted rows near both bounds, but these bounds are not
// used for other rooms.
func (db *DB) writeFrames(ctx context.Context, entries []entry) error {
	if db.journal != nil {
		db.progress.begin()
		db.journal.Turn()
	}
	frames := make([]*chat.Frame, len(entries))
	for i := range entries {
		frames[i] = entries[i].frame
	}
	ids, err := db.resolve(ctx, frames)
	if err != nil {
		return err
	}
	batch := db.writing.of(frames)
	err = db.sql.Share(ctx, func(ctx context.Context, s sqldb.Session) error {
		if err := s.LockKeys(ctx, roomsOf(frames)); err != nil {
			return err
		}
		if written, err := alreadyWritten(ctx, s, batch); err != nil || written {
			return err
		}
		if err := storeMark(ctx, s, lastMark(entries)); err != nil {
			return err
		}
		logged, kept, withdrawn := divide(frames)
		if len(kept) > 0 {
			if err := db.o.History.Append(ctx, s, kept); err != nil {
				return err
			}
		}
		if len(logged) > 0 {
			if err := writeLogged(ctx, s, logged, ids); err != nil {
				return err
			}
		}
		return withdraw(ctx, s, withdrawn)
	})
	if err == nil {
		noteStored(ctx, db, entries)
	}
	return err
}

// writeLogged stores frames, whose rooms are locked, and what their readers are owed.
func writeLogged(ctx context.Context, s sqldb.Session, logged []*chat.Frame, ids map[string]int64) error {
	before, err := lastPosition(ctx, s)
	if err != nil {
		return err
	}
	err = sqldb.EachGroup(insertFrames, logged, func(query string, group []*chat.Frame) error {
		args := make([]any, 0, 7*len(group))
		for _, f := range group {
			args = append(args, f.RoomID, int64(f.Epoch), int64(f.Sequence), f.Time.UnixNano(), string(f.Type), f.JSON, readerList(f, ids))
		}
		_, err := s.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		return err
	}
	head, err := lastPosition(ctx, s)
	if err != nil {
		return err
	}
	return addBacklogs(ctx, s, logged, ids, before, head)
}

// alreadyWritten reports whether an earlier attempt to write the batch succeeded without
// an answer. Then it is the last batch that the server wrote.
func alreadyWritten(ctx context.Context, s sqldb.Session, batch []byte) (bool, error) {
	if !s.DB().Remote() {
		return false, nil
	}
	n, err := s.Exec(ctx, `INSERT INTO writers (owner, batch, time) VALUES ($1, $2, `+s.DB().Clock()+`)
		ON CONFLICT (owner) DO UPDATE SET batch = excluded.batch, time = excluded.time WHERE writers.batch <> excluded.batch`, s.DB().Owner(), batch)
	return err == nil && n == 0, err
}

// divide returns the frames for the transcript, those for the history, and withdrawals. A frame
// may be both in the transcript and in the history. One that is only kept has no row of its own.
// The rooms are locked: so a later home of a room stores nothing between the question whether a
// frame still stands and the end of the transaction.
func divide(frames []*chat.Frame) (logged, kept, withdrawn []*chat.Frame) {
	for _, f := range frames {
		if f.Stands != nil && !f.Stands() {
			continue
		}
		if f.Keep > 0 {
			kept = append(kept, f)
		}
		switch {
		case f.Withdrawn:
			withdrawn = append(withdrawn, f)
		case f.Keep <= 0 || len(f.LoggingConfigurations) > 0 || len(f.Webhooks) > 0:
			logged = append(logged, f)
		}
	}
	return logged, kept, withdrawn
}

// writerKept is how long the last batch of a server is remembered. It is longer than
// any server retries a batch.
const writerKept = 24 * time.Hour

// batchName names a batch of frames. The name is the same for each retry. Batches are
// written one after the other.
type batchName struct {
	first *chat.Frame
	name  [16]byte
}

func (b *batchName) of(frames []*chat.Frame) []byte {
	if b.first != frames[0] {
		b.first = frames[0]
		rand.Read(b.name[:])
	}
	return b.name[:]
}

// roomsOf returns the rooms of the frames, possibly with repeats.
func roomsOf(frames []*chat.Frame) []string {
	var rooms []string
	for _, f := range frames {
		if n := len(rooms); n == 0 || rooms[n-1] != f.RoomID {
			rooms = append(rooms, f.RoomID)
		}
	}
	return rooms
}

// lastPosition is the last position in the transcript, 0 when it is empty.
func lastPosition(ctx context.Context, s sqldb.Session) (last int64, err error) {
	_, err = s.Row(ctx, `SELECT coalesce(max(position), 0) FROM transcript`, nil, &last)
	return last, err
}

// Read returns up to max records of a room after the position after, in order; 0 is
// before the first. Fewer than max means that there are no more now.
func (db *DB) Read(ctx context.Context, roomID string, after int64, max int) ([]Record, error) {
	db.await(ctx, roomID)
	var all []Record
	err := db.sql.Read().Rows(ctx, `SELECT position, epoch, sequence, time, type, json FROM transcript
		WHERE room_id = $1 AND position > $2 ORDER BY position LIMIT $3`, []any{roomID, after, max}, func(scan func(...any) error) error {
		r := Record{RoomID: roomID}
		var epoch, sequence, at int64
		if err := scan(&r.Position, &epoch, &sequence, &at, &r.Type, &r.JSON); err != nil {
			return err
		}
		r.Epoch, r.Sequence, r.Time = uint64(epoch), uint64(sequence), sqldb.Time(at)
		all = append(all, r)
		return nil
	})
	return all, err
}

// dropLog counts dropped frames and logs the number at intervals.
type dropLog struct {
	mu      sync.Mutex
	dropped int       // since the last line
	next    time.Time // when the next line may be written
}

const dropLogEvery = 10 * time.Second

func (d *dropLog) add(db *DB, n int, cause error) {
	db.o.Metrics.FramesDropped.Add(float64(n))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropped += n
	now := time.Now()
	if now.Before(d.next) {
		return
	}
	db.o.Log.LogAttrs(context.Background(), slog.LevelError, "Frames not kept for chat logging", slog.Int("frames", d.dropped), slog.Any("error", cause))
	d.dropped, d.next = 0, now.Add(dropLogEvery)
}
