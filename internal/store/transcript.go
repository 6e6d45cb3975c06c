package store

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"confab/internal/chat"
)

// Record is one frame in the transcript.
type Record struct {
	// Position grows from record to record of a room, with gaps, and is never
	// given again.
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
	// frameOverhead is what a frame takes in memory besides its JSON, roughly.
	frameOverhead = 256
)

var insertFrames = newInserts(`INSERT INTO transcript (room_id, epoch, sequence, time, type, json, readers) VALUES `, 7, ``)

func newTranscript(db *DB) *committer[*chat.Frame] {
	c := &committer[*chat.Frame]{
		label:      db.transcript.label,
		metrics:    db.o.Metrics,
		write:      db.writeFrames,
		batchItems: transcriptBatch,
		batchSize:  transcriptBatchSize,
		capacity:   db.o.SpoolBytes,
		keep:       true,
		trouble: func(err error) {
			if err == nil {
				db.o.Log.Info("the transcript is written again")
				return
			}
			db.o.Log.Error("cannot write the transcript; frames are kept in memory, rooms go on", slog.Any("error", err), slog.Int("spool_bytes", db.o.SpoolBytes))
		},
		lost: func(n int) { db.drops.add(db, n, errClosed) },
	}
	return c.start()
}

// Append queues the frame for the transcript, behind those appended before, and
// returns at once. The channel is closed when the frame is durable against
// kill -9. While the disk does not work it is closed at once: the frame is then in
// a spool in memory, and is written when the disk works again. When the spool is
// full too, the frame is dropped, counted and logged.
func (db *DB) Append(f *chat.Frame) <-chan struct{} {
	b, err := db.frames.add(f, len(f.JSON)+frameOverhead)
	if err != nil {
		db.drops.add(db, 1, err)
		return released
	}
	return b.done
}

// released is a channel that nobody waits for.
var released = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// writeFrames stores the frames, and with them who is owed them.
//
// Rooms are locked first. So a room's rows become visible in the order of their
// positions; before is behind all that was written for these rooms, and what is
// written for them later stands behind head. Other rooms may have rows around
// both that are not committed yet: nobody asks for those by these bounds.
func (db *DB) writeFrames(ctx context.Context, frames []*chat.Frame) error {
	ids, err := db.resolve(ctx, frames)
	if err != nil {
		return err
	}
	batch := db.writing.of(frames)
	return db.transcript.share(ctx, func(ctx context.Context, s session) error {
		if err := s.db.lockRooms(ctx, s, roomsOf(frames)); err != nil {
			return err
		}
		// A commit whose answer was lost may have worked. Then this is the batch
		// that the server wrote last.
		n, err := s.exec(ctx, `INSERT INTO writers (owner, batch, time) VALUES ($1, $2, `+s.db.clock()+`)
			ON CONFLICT (owner) DO UPDATE SET batch = excluded.batch, time = excluded.time WHERE writers.batch <> excluded.batch`, s.db.owner(), batch)
		if err != nil || n == 0 {
			return err
		}
		before, err := s.lastPosition(ctx)
		if err != nil {
			return err
		}
		err = eachGroup(&insertFrames, frames, func(query string, group []*chat.Frame) error {
			args := make([]any, 0, 7*len(group))
			for _, f := range group {
				args = append(args, f.RoomID, int64(f.Epoch), int64(f.Sequence), f.Time.UnixNano(), string(f.Type), f.JSON, readerList(f, ids))
			}
			_, err := s.exec(ctx, query, args...)
			return err
		})
		if err != nil {
			return err
		}
		head, err := s.lastPosition(ctx)
		if err != nil {
			return err
		}
		return s.addBacklogs(ctx, frames, ids, before, head)
	})
}

// writerKept is how long the last batch of a server is remembered: longer than
// anybody tries to write it.
const writerKept = 24 * time.Hour

// batchName names a batch of frames, by the same name as often as it is tried.
// Batches come one after the other.
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

// roomsOf are the rooms of the frames; some may stand there several times.
func roomsOf(frames []*chat.Frame) []string {
	var rooms []string
	for _, f := range frames {
		if n := len(rooms); n == 0 || rooms[n-1] != f.RoomID {
			rooms = append(rooms, f.RoomID)
		}
	}
	return rooms
}

// lastPosition is the last one in the transcript, 0 when it is empty.
func (s session) lastPosition(ctx context.Context) (last int64, err error) {
	_, err = s.row(ctx, `SELECT coalesce(max(position), 0) FROM transcript`, nil, &last)
	return last, err
}

// Read returns up to max records of a room behind the position after, in order;
// 0 is before the first. Fewer than max means that these are all there are now.
func (db *DB) Read(ctx context.Context, roomID string, after int64, max int) ([]Record, error) {
	var all []Record
	err := db.transcript.read().rows(ctx, `SELECT position, epoch, sequence, time, type, json FROM transcript
		WHERE room_id = $1 AND position > $2 ORDER BY position LIMIT $3`, []any{roomID, after, max}, func(scan func(...any) error) error {
		r := Record{RoomID: roomID}
		var epoch, sequence, at int64
		if err := scan(&r.Position, &epoch, &sequence, &at, &r.Type, &r.JSON); err != nil {
			return err
		}
		r.Epoch, r.Sequence, r.Time = uint64(epoch), uint64(sequence), fromNanos(at)
		all = append(all, r)
		return nil
	})
	return all, err
}

// dropLog counts frames that are lost, and says so in the log once in a while.
type dropLog struct {
	mu      sync.Mutex
	dropped int       // since the last line
	next    time.Time // when the next line may be written
}

const dropLogEvery = 10 * time.Second

func (d *dropLog) add(db *DB, n int, cause error) {
	db.o.Metrics.TranscriptDropped.Add(float64(n))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropped += n
	now := time.Now()
	if now.Before(d.next) {
		return
	}
	db.o.Log.Error("frames of rooms were not kept for logging", slog.Int("frames", d.dropped), slog.Any("error", cause))
	d.dropped, d.next = 0, now.Add(dropLogEvery)
}
