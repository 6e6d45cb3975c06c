package transcript

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"time"

	"confab/internal/chat"
	"confab/internal/journal"
	"confab/internal/sqldb"
)

// entry is a frame that waits for the database.
type entry struct {
	frame *chat.Frame
	mark  journal.Mark // of the frame in the journal; zero: it is not there
	bare  bool         // the journal may not have it
}

const (
	// journalGather is the time between commits while the frames are in the journal.
	// No caller waits for such a commit, so many frames share it.
	journalGather = 50 * time.Millisecond
	// journalMuch is how many frames are committed without that pause.
	journalMuch = transcriptBatch / 2
	// recoverWithin is how long New tries to store what an earlier process has left, and
	// recoverPause is the time between two attempts.
	recoverWithin = 10 * time.Second
	recoverPause  = 50 * time.Millisecond
	// journalOwner is the row of the table writers with the journal's mark.
	journalOwner = "journal"
)

// openJournal opens the journal. It returns what an earlier process has left there and the
// database lacks, in order.
func openJournal(db *DB) ([]entry, error) {
	var stored []byte
	if _, err := db.sql.Read().Row(context.Background(), `SELECT batch FROM writers WHERE owner = $1`, []any{journalOwner}, &stored); err != nil {
		return nil, err
	}
	var from journal.Mark
	if len(stored) == 16 {
		from = journal.Mark{Generation: binary.BigEndian.Uint64(stored), Count: binary.BigEndian.Uint64(stored[8:])}
	}
	j, found, err := journal.Open(filepath.Join(db.o.JournalDir, "transcript.frames"), from)
	if err != nil {
		return nil, err
	}
	db.journal = j
	left := make([]entry, len(found))
	for i, e := range found {
		f, err := decodeFrame(e.Data)
		if err != nil { // It is of a later release: checksums hold.
			return nil, errors.Join(err, j.Close())
		}
		left[i] = entry{frame: f, mark: e.Mark}
	}
	return left, nil
}

// recoverFrames stores what openJournal has found. New calls it before anything can read the
// transcript or append to it, so readers never miss a frame that was acknowledged before
// kill -9, and the order of frames is kept. If the database cannot be written for
// recoverWithin, the server starts nevertheless: the rest stays in the journal, and is the
// first that is stored when the database works.
func recoverFrames(db *DB, left []entry) {
	if len(left) == 0 {
		return
	}
	ctx := context.Background()
	for _, e := range left {
		db.progress.count(e.frame)
	}
	db.o.Log.LogAttrs(ctx, slog.LevelInfo, "Frames of the journal found", slog.Int("frames", len(left)))
	for until := time.Now().Add(recoverWithin); len(left) > 0; {
		n := min(len(left), transcriptBatch)
		err := db.writeFrames(ctx, left[:n])
		switch {
		case err == nil:
			left = left[n:]
		case time.Now().Before(until):
			time.Sleep(recoverPause)
		default:
			db.o.Log.LogAttrs(ctx, slog.LevelError, "Frames of the journal not stored yet", slog.Int("frames", len(left)), slog.Any("error", err))
			for _, e := range left {
				// The spool is neither full nor closed.
				if _, err := db.frames.Add(e, sizeOf(e.frame)); err != nil {
					db.drops.add(db, 1, err)
				}
			}
			return
		}
	}
}

// writeJournal writes frames to the journal and passes them on to the database. Frames that
// the journal does not take wait for the database. So do all while half of the spool waits:
// otherwise a database that is slower than the rooms would have the spool overflow.
func writeJournal(db *DB, frames []*chat.Frame) error {
	entries := make([][]byte, len(frames))
	for i, f := range frames {
		entries[i] = encodeFrame(f)
	}
	last, err := db.journal.Append(entries)
	p := &db.progress
	if err != nil {
		p.mu.Lock()
		p.bare += len(frames)
		p.mu.Unlock()
	}
	var done <-chan struct{}
	for i, f := range frames {
		e := entry{frame: f, bare: err != nil}
		if last.Count > 0 {
			e.mark = journal.Mark{Generation: last.Generation, Count: last.Count - uint64(len(frames)-1-i)}
		}
		var closed error
		if done, closed = db.frames.Add(e, sizeOf(f)); closed != nil {
			return closed // It is closed after this goroutine has ended.
		}
	}
	p.mu.Lock()
	slow := err != nil || p.size > db.o.SpoolBytes/2
	hurry := slow || p.awaited > p.stored || p.added-p.stored >= journalMuch
	p.mu.Unlock()
	if hurry {
		db.commitNow()
	}
	if slow {
		<-done
	}
	return nil
}

// commitNow ends the pause between commits.
func (db *DB) commitNow() {
	select {
	case db.hurry <- struct{}{}:
	default:
	}
}

// lastMark returns the mark of the last frame that is in the journal.
func lastMark(entries []entry) (m journal.Mark) {
	for _, e := range entries {
		if e.mark.After(m) {
			m = e.mark
		}
	}
	return m
}

// storeMark stores, with the frames, that the journal's are in the database up to m.
func storeMark(ctx context.Context, s sqldb.Session, m journal.Mark) error {
	if m.Generation == 0 {
		return nil
	}
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, m.Generation), m.Count)
	_, err := s.Exec(ctx, `INSERT INTO writers (owner, batch, time) VALUES ($1, $2, $3)
		ON CONFLICT (owner) DO UPDATE SET batch = excluded.batch`, journalOwner, b, int64(math.MaxInt64)) // It is never pruned.
	return err
}

// noteStored notes that the entries are in the database, and empties the journal. So after
// Flush nothing of older frames is in it.
func noteStored(ctx context.Context, db *DB, entries []entry) {
	if m := lastMark(entries); m.Generation > 0 {
		if err := db.journal.Stored(m); err != nil {
			db.o.Log.LogAttrs(ctx, slog.LevelWarn, "Journal of the transcript not emptied; it is tried again", slog.Any("error", err))
		}
	}
	if db.progress.storedAll(entries) >= journalMuch {
		db.commitNow()
	}
}

// The first byte of a frame in the journal is its format. Then come its members, see
// encodeFrame, and its JSON to the end. Numbers are varints, strings have their length
// before them.
const (
	formatFrame    = 1
	frameHidden    = 1
	frameDeletion  = 2
	frameWithdrawn = 4

	frameFlags = frameHidden | frameDeletion | frameWithdrawn
)

var errFrame = errors.New("the journal of the transcript has a frame that this release cannot read; start the release that wrote it once more, and stop it")

func encodeFrame(f *chat.Frame) []byte {
	b := make([]byte, 0, len(f.JSON)+frameOverhead)
	flags := byte(0)
	if f.Hidden {
		flags |= frameHidden
	}
	if f.Deletion != nil {
		flags |= frameDeletion
	}
	if f.Withdrawn {
		flags |= frameWithdrawn
	}
	b = append(b, formatFrame, flags)
	b = binary.AppendUvarint(b, f.Epoch)
	b = binary.AppendUvarint(b, f.Sequence)
	b = binary.AppendVarint(b, f.Time.UnixNano())
	b = binary.AppendVarint(b, int64(f.Keep))
	for _, s := range []string{f.RoomID, f.ID, string(f.Type), string(f.Action), f.DisconnectUser, f.UserID} {
		b = appendString(b, s)
	}
	if f.Deletion != nil {
		for _, s := range []string{f.Deletion.MessageID, f.Deletion.By, f.Deletion.Reason} {
			b = appendString(b, s)
		}
	}
	for _, list := range [][]string{f.LoggingConfigurations, f.Webhooks} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendString(b, s)
		}
	}
	return append(b, f.JSON...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads a frame. Its first error stays.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int, ok bool) []byte {
	if d.bad || !ok || n < 0 || n > len(d.b) {
		d.b, d.bad = nil, true
		return nil
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.take(n, n > 0)
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	d.take(n, n > 0)
	return v
}

func (d *decoder) string() string {
	n := d.uvarint()
	return string(d.take(int(n), n <= uint64(len(d.b))))
}

func (d *decoder) strings() (list []string) {
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		list = append(list, d.string())
	}
	return list
}

func decodeFrame(b []byte) (*chat.Frame, error) {
	d := &decoder{b: b}
	head := d.take(2, true)
	if d.bad || head[0] != formatFrame || head[1]&^frameFlags != 0 {
		return nil, errFrame
	}
	f := &chat.Frame{Hidden: head[1]&frameHidden != 0, Withdrawn: head[1]&frameWithdrawn != 0}
	f.Epoch, f.Sequence = d.uvarint(), d.uvarint()
	f.Time, f.Keep = sqldb.Time(d.varint()), time.Duration(d.varint())
	f.RoomID, f.ID, f.Type, f.Action = d.string(), d.string(), chat.FrameType(d.string()), chat.Action(d.string())
	f.DisconnectUser, f.UserID = d.string(), d.string()
	if head[1]&frameDeletion != 0 {
		f.Deletion = &chat.Deletion{MessageID: d.string(), By: d.string(), Reason: d.string()}
	}
	f.LoggingConfigurations, f.Webhooks = d.strings(), d.strings()
	if d.bad {
		return nil, errFrame
	}
	f.JSON = d.b
	return f, nil
}
