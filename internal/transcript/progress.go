package transcript

import (
	"context"
	"slices"
	"sync"
	"time"

	"confab/internal/chat"
)

// progress is how far the frames of Append are. They are stored in the order in which they
// were appended.
type progress struct {
	mu sync.Mutex // guards what follows
	// added counts the frames that were appended, stored those that are in the database.
	added, stored int64
	// awaited is the number of the last frame that a reader waits for.
	awaited int64
	size    int              // of the frames that are not stored, in bytes
	bare    int              // how many of them the journal may not have
	last    map[string]int64 // the number of a room's last frame, unless it is stored
	// removals are the frames of a room that delete messages or disconnect users, unless they
	// are stored. While the database fails, they are delivered nevertheless.
	removals map[string][]*chat.Frame
	changed  chan struct{} // closed when stored grows, or when storing fails
	began    time.Time     // of the last commit
	soon     bool          // commitSoon was called since
}

func sizeOf(f *chat.Frame) int { return len(f.JSON) + frameOverhead }

// count counts a frame that is appended. The caller holds mu, unless nothing else runs yet.
func (p *progress) count(f *chat.Frame) {
	p.added++
	p.size += sizeOf(f)
	p.last[f.RoomID] = p.added
	if removes(f) {
		p.removals[f.RoomID] = append(p.removals[f.RoomID], f)
	}
}

// removes reports whether the history must not show something because of the frame.
func removes(f *chat.Frame) bool {
	return f.Keep > 0 && !f.Withdrawn && (f.Deletion != nil || f.DisconnectUser != "")
}

// begin notes that a commit begins.
func (p *progress) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began, p.soon = time.Now(), false
}

// storedAll notes that the next frames are in the database. It returns how many are not.
func (p *progress) storedAll(entries []entry) (left int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stored += int64(len(entries))
	for _, e := range entries {
		p.size -= sizeOf(e.frame)
		if e.bare {
			p.bare--
		}
		if p.last[e.frame.RoomID] <= p.stored {
			delete(p.last, e.frame.RoomID)
		}
		if removes(e.frame) {
			left := slices.DeleteFunc(slices.Clone(p.removals[e.frame.RoomID]), func(f *chat.Frame) bool { return f == e.frame })
			if p.removals[e.frame.RoomID] = left; len(left) == 0 {
				delete(p.removals, e.frame.RoomID)
			}
		}
	}
	p.wakeLocked()
	return p.added - p.stored
}

// wakeLocked makes await look again. The caller holds mu.
func (p *progress) wakeLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// await returns when the frames of a room, or of all rooms if roomID is empty, that were
// appended before the call are in the database, so that reads find them; or when the
// database fails, or when ctx ends. Without a journal, those that were acknowledged are in
// the database. It returns the room's removals that are not.
func (db *DB) await(ctx context.Context, roomID string) (unstored []*chat.Frame) {
	if db.journal != nil {
		_ = wait(ctx, db, roomID, false)
	}
	p := &db.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.removals[roomID]
}

// Deleted returns the ids of messages of a room whose deletion is not in the database yet.
func (db *DB) Deleted(roomID string) (ids []string) {
	p := &db.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.removals[roomID] {
		if f.Deletion != nil {
			ids = append(ids, f.Deletion.MessageID)
		}
	}
	return ids
}

// Settle is await for all rooms: what was delivered can then be read.
func (db *DB) Settle(ctx context.Context) { db.await(ctx, "") }

// Flush returns when the frames that were appended before the call are stored. While the
// database fails, it waits until ctx ends.
func (db *DB) Flush(ctx context.Context) error { return wait(ctx, db, "", true) }

// wait is await or, if patient, Flush.
func wait(ctx context.Context, db *DB, roomID string, patient bool) error {
	p := &db.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	number := p.added
	if roomID != "" {
		number = p.last[roomID]
	}
	for p.stored < number && (patient || !db.Failing()) {
		p.awaited = max(p.awaited, number)
		changed := p.changed
		p.mu.Unlock()
		db.commitNow()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		p.mu.Lock()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
