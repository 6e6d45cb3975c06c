package moderation

import (
	"bytes"
	"context"
	"errors"
	"net/netip"

	"confab/internal/sqldb"
)

// load reads the bans in force when a server starts. There may be a million, so speed and
// memory matter: they are put into the list page by page while the next page is read (all
// rows together would take several times the memory of the list), in two columns (each
// column costs as much as a look-up in the list), and in the order of the table (in the
// order of an index, each row costs a search in the table).
func (b *Bans) load(ctx context.Context) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	s := b.sql.Read()
	latest, err := b.latest(ctx, s) // Changes after this one are read as changes.
	if err != nil || latest == 0 {
		return err
	}
	text := `type || '/' || room_id || '/' || subject`
	if b.sql.Remote() { // PostgreSQL joins a text and bytes by writing these as a text.
		text = `convert_to(type || '/' || room_id || '/', 'UTF8') || subject`
	}
	l := b.list
	l.mu.Lock()
	defer l.mu.Unlock()
	pages, put := make(chan *banPage, 2), make(chan error, 1)
	go func() { put <- l.putPagesLocked(pages) }()
	var (
		page = new(banPage)
		ban  sqldb.Bytes
		ends int64
		dest = []any{&ban, &ends}
	)
	err = s.Rows(ctx, `SELECT `+text+`, expires * 2 + ranged FROM bans WHERE deleted = 0 AND (expires + 0 = 0 OR expires + 0 > $1)`,
		[]any{b.now().UnixNano()}, func(scan func(...any) error) error {
			if err := scan(dest...); err != nil {
				return err
			}
			page.add(ban, ends)
			if len(page.rows) == pageRows {
				pages <- page
				page = new(banPage)
			}
			return nil
		})
	pages <- page
	close(pages)
	if err = errors.Join(err, <-put); err == nil {
		l.known = latest
	}
	return err
}

// banPage is some bans as the table has them.
type banPage struct {
	text []byte // of all rows
	rows []banRow
}

// banRow is a ban: where its text ends in its page, and its end in nanoseconds since 1970, times
// two, and 1 more if it is one of a range.
type banRow struct {
	text int
	ends int64
}

// pageRows is how many bans a page has.
const pageRows = 1024

func (p *banPage) add(text []byte, ends int64) {
	if p.rows == nil {
		p.rows, p.text = make([]banRow, 0, pageRows), make([]byte, 0, 48*pageRows)
	}
	p.text = append(p.text, text...)
	p.rows = append(p.rows, banRow{len(p.text), ends})
}

// putPagesLocked puts the bans of pages into the list. It takes all of them, and returns the first
// error. The list is locked by the caller.
func (l *list) putPagesLocked(pages <-chan *banPage) (err error) {
	for p := range pages {
		begin := 0
		for _, row := range p.rows {
			if e := l.putRowLocked(p.text[begin:row.text], row.ends&1 == 1, endOfNanos(row.ends>>1)); err == nil {
				err = e
			}
			begin = row.text
		}
	}
	return err
}

// putRowLocked puts a ban into the list: type, room and subject, of which only the last may have
// a slash.
func (l *list) putRowLocked(text []byte, ranged bool, end uint32) error {
	kind, rest, _ := bytes.Cut(text, []byte("/"))
	room, subject, _ := bytes.Cut(rest, []byte("/"))
	at, known := placeOf(kind)
	switch {
	case !known: // It is of a later release.
	case !ranged:
		l.putLocked(at, l.keyOf(room, subject), end)
	default:
		p, err := netip.ParsePrefix(string(subject))
		if err != nil {
			return err
		}
		l.setLocked(&Ban{Type: Types[at], RoomID: string(room), Range: p}, end)
	}
	return nil
}
