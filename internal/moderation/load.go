package moderation

import (
	"context"
	"net/netip"

	"confab/internal/sqldb"
)

// load reads the bans in force when a server starts. There may be a million, so they are put into
// the list one by one, with few columns and in the order of the table: rows that are collected
// first take several times the memory of the list, and the order of an index costs a search in
// the table for each row.
func (b *Bans) load(ctx context.Context) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	s := b.sql.Read()
	var latest int64 // What is changed from now on is read as changes.
	if _, err := s.Row(ctx, latestChange, nil, &latest); err != nil || latest == 0 {
		return err
	}
	l := b.list
	l.mu.Lock()
	defer l.mu.Unlock()
	now := b.now()
	var (
		kind, room, subject sqldb.Bytes
		ranged, expires     int64
		dest                = []any{&kind, &room, &subject, &ranged, &expires}
	)
	err := s.Rows(ctx, `SELECT type, room_id, subject, ranged, expires FROM bans WHERE deleted = 0 AND (expires + 0 = 0 OR expires + 0 > $1)`,
		[]any{now.UnixNano()}, func(scan func(...any) error) error {
			if err := scan(dest...); err != nil {
				return err
			}
			at, known := placeOf(kind)
			if !known {
				return nil // of a later release
			}
			if ranged == 0 {
				l.putLocked(at, l.keyOf(room, subject), endOfNanos(expires))
				return nil
			}
			p, err := netip.ParsePrefix(string(subject))
			if err == nil {
				l.setLocked(&Ban{Type: Types[at], RoomID: string(room), Range: p}, endOfNanos(expires))
			}
			return err
		})
	if err == nil {
		l.known = latest
	}
	return err
}
