package moderation

import (
	"context"
	"net/netip"
	"time"

	"confab/internal/chat"
	"confab/internal/sqldb"
)

// BansTable is the table of the bans, for sqldb.Spec.
var BansTable = sqldb.Table{Name: "bans", Columns: banColumns + ", change, deleted"}

const banColumns = `id, number, type, room_id, subject, ranged, reason, created_by, create_time, expires`

// row is a ban as it is stored.
type row struct {
	Ban
	number, change int64
	deleted        bool
}

// scan reads banColumns, and what follows.
func (r *row) scan(scan func(...any) error, more ...any) error {
	var (
		subject, reason, by []byte
		ranged              int
		created, expires    int64
	)
	dest := append([]any{&r.ID, &r.number, &r.Type, &r.RoomID, &subject, &ranged, &reason, &by, &created, &expires}, more...)
	if err := scan(dest...); err != nil {
		return err
	}
	if ranged == 0 {
		r.UserID = string(subject)
	} else if p, err := netip.ParsePrefix(string(subject)); err == nil {
		r.Range = p
	} else {
		return err
	}
	r.Reason, r.CreatedBy, r.CreateTime = string(reason), string(by), sqldb.Time(created)
	if expires != 0 {
		r.Expires = sqldb.Time(expires)
	}
	return nil
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// wholeSeconds rounds the end of a ban up.
func wholeSeconds(t time.Time) time.Time {
	if cut := t.Truncate(time.Second); !cut.Equal(t) {
		return cut.Add(time.Second)
	}
	return t
}

// change makes a change with its number in a transaction. It is in force on this server
// when change returns, and on the others that answered.
func (b *Bans) change(ctx context.Context, do func(ctx context.Context, s sqldb.Session, number int64, notes Notes) error) error {
	var last int64
	notes := b.NewNotes()
	err := b.sql.Update(ctx, func(ctx context.Context, s sqldb.Session) error {
		notes.Reset()
		if _, err := s.Row(ctx, latestChange, nil, &last); err != nil {
			return err
		}
		return do(ctx, s, last+1, notes)
	})
	if err != nil {
		return err
	}
	notes.Forward(ctx)
	return b.tell(ctx, last+1)
}

const latestChange = `SELECT coalesce(max(change), 0) FROM bans`

// Create stores a ban, and replaces one of the same type, subject and room. It sets
// CreateTime, and ID if there is none. When it returns, the ban is in force on this server,
// and on the others that have answered; the rest follows within a second.
func (b *Bans) Create(ctx context.Context, ban *Ban, duration time.Duration) error {
	now := b.now()
	if ban.ID == "" {
		ban.ID = chat.NewID()
	}
	ban.CreateTime, ban.Expires = now.Truncate(time.Microsecond), time.Time{}
	if duration > 0 {
		ban.Expires = wholeSeconds(ban.CreateTime.Add(duration))
	}
	subject, ranged := ban.subject()
	return b.change(ctx, func(ctx context.Context, s sqldb.Session, number int64, notes Notes) error {
		if _, err := s.Exec(ctx, `DELETE FROM bans WHERE id = $1 OR subject = $2 AND ranged = $3 AND room_id = $4 AND type = $5`,
			ban.ID, subject, ranged, ban.RoomID, string(ban.Type)); err != nil {
			return err
		}
		_, err := s.Exec(ctx, `INSERT INTO bans (`+BansTable.Columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)`,
			ban.ID, number, string(ban.Type), ban.RoomID, subject, ranged, []byte(ban.Reason), []byte(ban.CreatedBy),
			ban.CreateTime.UnixNano(), nanos(ban.Expires), number)
		if err != nil {
			return err
		}
		return notes.Ban(ctx, s, ban, Made)
	})
}

// Get returns a ban that is in force, or NotFound.
func (b *Bans) Get(ctx context.Context, id string) (*Ban, error) {
	return b.get(ctx, b.sql.Read(), id)
}

func (b *Bans) get(ctx context.Context, s sqldb.Session, id string) (*Ban, error) {
	if !chat.ValidID(id) {
		return nil, noSuchBan(id)
	}
	var r row
	found := false
	err := s.Rows(ctx, `SELECT `+banColumns+` FROM bans WHERE id = $1 AND deleted = 0 AND (expires = 0 OR expires > $2)`,
		[]any{id, b.now().UnixNano()}, func(scan func(...any) error) error {
			found = true
			return r.scan(scan)
		})
	if err == nil && !found {
		err = noSuchBan(id)
	}
	return &r.Ban, err
}

// Update changes a ban, or returns NotFound. change gets the present ban, and sets Reason
// and Expires.
func (b *Bans) Update(ctx context.Context, id string, change func(*Ban)) (*Ban, error) {
	var ban *Ban
	err := b.change(ctx, func(ctx context.Context, s sqldb.Session, number int64, notes Notes) (err error) {
		if ban, err = b.get(ctx, s, id); err != nil {
			return err
		}
		change(ban)
		ban.Expires = wholeSeconds(ban.Expires)
		if _, err = s.Exec(ctx, `UPDATE bans SET change = $2, reason = $3, expires = $4 WHERE id = $1`, id, number, []byte(ban.Reason), nanos(ban.Expires)); err != nil {
			return err
		}
		return notes.Ban(ctx, s, ban, Changed)
	})
	return ban, err
}

// Delete lifts a ban, or returns NotFound.
func (b *Bans) Delete(ctx context.Context, id string) error {
	return b.change(ctx, func(ctx context.Context, s sqldb.Session, number int64, notes Notes) error {
		ban, err := b.get(ctx, s, id)
		if err != nil {
			return err
		}
		if _, err := s.Exec(ctx, `UPDATE bans SET change = $2, deleted = 1, expires = $3 WHERE id = $1`, id, number, b.now().UnixNano()); err != nil {
			return err
		}
		return notes.Ban(ctx, s, ban, Lifted)
	})
}

// DeleteRoom lifts the bans of a room in the transaction that deletes the room. Other
// servers learn of it when they read changes.
func (b *Bans) DeleteRoom(ctx context.Context, s sqldb.Session, roomID string) error {
	_, err := s.Exec(ctx, `UPDATE bans SET change = (SELECT max(change) FROM bans) + 1, deleted = 1, expires = $2 WHERE room_id = $1 AND deleted = 0`,
		roomID, b.now().UnixNano())
	return err
}

// Filter selects bans; empty fields select all.
type Filter struct {
	// RoomID selects the bans of one room, without those of every room.
	RoomID string
	UserID string
	Type   Type
}

// List returns a page of at most most bans that are in force, the newest first. before is
// the next of the previous page, and 0 for the first page; next is 0 on the last page.
func (b *Bans) List(ctx context.Context, f Filter, most int, before int64) (page []Ban, next int64, err error) {
	query := `SELECT ` + banColumns + ` FROM bans WHERE deleted = 0 AND (expires = 0 OR expires > $1)`
	args := []any{b.now().UnixNano()}
	and := func(column string, value any) {
		args = append(args, value)
		query += ` AND ` + column + sqldb.Placeholder(len(args))
	}
	if f.RoomID != "" {
		and(`room_id = `, f.RoomID)
	}
	if f.UserID != "" {
		and(`ranged = 0 AND subject = `, []byte(f.UserID))
	}
	if f.Type != "" {
		and(`type = `, string(f.Type))
	}
	if before > 0 {
		and(`number < `, before)
	}
	args = append(args, most+1)
	query += ` ORDER BY number DESC LIMIT ` + sqldb.Placeholder(len(args))
	err = b.sql.Read().Rows(ctx, query, args, func(scan func(...any) error) error {
		var r row
		if err := r.scan(scan); err != nil {
			return err
		}
		if len(page) == most {
			return nil // There is a next page.
		}
		page, next = append(page, r.Ban), r.number
		return nil
	})
	if err != nil || len(page) < most {
		next = 0
	}
	return page, next, err
}

// Exist reports whether there are bans in force.
func (b *Bans) Exist(ctx context.Context) (bool, error) {
	var one int
	return b.sql.Read().Row(ctx, `SELECT 1 FROM bans WHERE deleted = 0 AND (expires = 0 OR expires > $1) LIMIT 1`, []any{b.now().UnixNano()}, &one)
}

// kept is how long a ban that ended stays in the database, so that every server reads
// that it was lifted.
const kept = 24 * time.Hour

// Prune deletes bans that ended long ago. The newest change stays, so that no number is
// used twice.
func (b *Bans) Prune(ctx context.Context) error {
	return b.sql.DeleteBefore(ctx, `DELETE FROM bans WHERE id IN (SELECT id FROM bans
		WHERE expires > 0 AND expires < $1 AND change < (SELECT max(change) FROM bans) ORDER BY expires LIMIT $2)`, b.now().Add(-kept))
}
