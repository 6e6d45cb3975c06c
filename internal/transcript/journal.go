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
	// journalGather is the time between commits while the frames are in the journal. No
	// sender waits for such a commit, so many frames share it. What reads the database waits:
	// the delivery of chat logs, which looks once a second, for the next commit; reads of rooms
	// for a commit at once. Events of webhooks wait for webhookGather at most.
	journalGather = 250 * time.Millisecond
	webhookGather = 50 * time.Millisecond
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
		f, err := journal.DecodeFrame(e.Data)
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
func writeJournal(db *DB, frames []*chat.Frame) {
	last, err := db.journal.Append(len(frames), func(b []byte, i int) []byte { return journal.AppendFrame(b, frames[i]) })
	p := &db.progress
	if err != nil {
		p.mu.Lock()
		p.bare += len(frames)
		p.mu.Unlock()
	}
	var done <-chan struct{}
	hooked := false
	for i, f := range frames {
		e := entry{frame: f, bare: err != nil}
		if last.Count > 0 {
			e.mark = journal.Mark{Generation: last.Generation, Count: last.Count - uint64(len(frames)-1-i)}
		}
		var closed error
		if done, closed = db.frames.Add(e, sizeOf(f)); closed != nil {
			db.drops.add(db, len(frames)-i, closed)
			return // It is closed after the last call of this.
		}
		hooked = hooked || len(f.Webhooks) > 0
	}
	p.mu.Lock()
	slow := err != nil || p.size > db.o.SpoolBytes/2
	hurry := slow || p.awaited > p.stored || p.added-p.stored >= journalMuch
	p.mu.Unlock()
	switch {
	case hurry:
		db.commitNow()
	case hooked:
		commitSoon(db)
	}
	if slow {
		<-done
	}
}

// commitNow ends the pause between commits.
func (db *DB) commitNow() {
	select {
	case db.hurry <- struct{}{}:
	default:
	}
}

// commitSoon has the next commit begin webhookGather after the last one.
func commitSoon(db *DB) {
	p := &db.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.soon {
		return
	}
	p.soon = true
	if wait := webhookGather - time.Since(p.began); wait > 0 {
		time.AfterFunc(wait, db.commitNow)
	} else {
		db.commitNow()
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
