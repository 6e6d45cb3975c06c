package contentfilter

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"confab/internal/filter"
	"confab/internal/poll"
	"confab/internal/sqldb"
)

// Filters are the content filters of all rooms. Its methods are safe for concurrent use.
type Filters struct {
	// Noted, if not nil, is called in the transaction of each change of a filter. With
	// deleted set, the filter has only its room and name.
	Noted func(ctx context.Context, s sqldb.Session, f *Filter, deleted bool) error
	// Watch looks for changes of other servers. It must be set before Start, if there may be
	// others.
	Watch *poll.Watch

	sql     *sqldb.DB
	now     func() time.Time
	log     *slog.Logger
	metrics *Metrics

	// rules are the filters in force: nil before Start, and while there are none.
	rules atomic.Pointer[rules]

	// started and notice are set by Start.
	started atomic.Bool
	notice  func(context.Context)
	stop    context.CancelFunc
	work    sync.WaitGroup

	reading sync.Mutex // guards what follows, and is held while changes are read
	known   int64      // the last change that is known
	// compiled has the matchers in use by their rules, since rooms often share one list,
	// and those that Put has just compiled.
	compiled map[digest]*filter.Matcher
}

// rules are filters by rooms, in the order of their names. They are never changed.
type rules struct {
	every []*live
	rooms map[string][]*live
}

// of returns the filters of a room: those of every room, and its own.
func (r *rules) of(roomID string) (every, own []*live) {
	if r == nil {
		return nil, nil
	}
	return r.every, r.rooms[roomID]
}

// digest is the hash of the rules of a filter.
type digest [sha256.Size]byte

func digestOf(f *Filter) (d digest) {
	h := sha256.New()
	for _, list := range [][]string{f.Terms, f.Expressions} {
		for _, rule := range list {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(rule))))
			h.Write([]byte(rule))
		}
		h.Write([]byte{0xff, 0xff, 0xff, 0xff})
	}
	h.Sum(d[:0])
	return d
}

// New returns the filters of a database. Until Start has read them, there are none.
func New(db *sqldb.DB, now func() time.Time, log *slog.Logger, metrics *Metrics) *Filters {
	return &Filters{sql: db, now: now, log: log, metrics: metrics, stop: func() {}, compiled: map[digest]*filter.Matcher{}}
}

// Start reads all filters, and follows the changes of other servers until Close. Only
// servers do this, before their first client. notice tells the other servers that there is
// a change, and waits a moment for their answers; they call Changed. It may be nil.
func (f *Filters) Start(ctx context.Context, notice func(context.Context)) error {
	f.notice = notice
	f.started.Store(true)
	if err := f.read(ctx); err != nil {
		return err
	}
	ctx, f.stop = context.WithCancel(context.WithoutCancel(ctx))
	if f.sql.Remote() { // Only this process changes a SQLite file.
		f.work.Go(func() { f.follow(ctx) })
	}
	return nil
}

// Close ends the background work.
func (f *Filters) Close() {
	f.stop()
	f.work.Wait()
}

// follow reads changes until ctx ends.
func (f *Filters) follow(ctx context.Context) {
	f.Watch.Follow(ctx, &poll.Changes{
		Counter: latestChange,
		News:    func(latest int64) bool { return latest > f.latest() },
		Read:    f.read,
		Turned: func(err error) {
			if err == nil {
				f.log.LogAttrs(ctx, slog.LevelInfo, "Content filters are read again")
				return
			}
			f.log.LogAttrs(ctx, slog.LevelWarn, "Content filters not read; the known ones stay in force", slog.Any("error", err))
		},
	})
}

// latest returns the number of the last change that is known.
func (f *Filters) latest() int64 {
	f.reading.Lock()
	defer f.reading.Unlock()
	return f.known
}

// tellWithin bounds how long a change waits until the other servers know it.
const tellWithin = 500 * time.Millisecond

// tell reads the changes of this server, and has the others read them.
func (f *Filters) tell(ctx context.Context) error {
	if err := f.read(ctx); err != nil {
		return err
	}
	if f.notice != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWithin)
		defer cancel()
		f.notice(ctx)
	}
	return nil
}

// Changed reads the changes that this server does not know yet. Other servers call it
// through their notice.
func (f *Filters) Changed(ctx context.Context) error {
	var latest int64
	if _, err := f.sql.Read().Row(ctx, latestChange, nil, &latest); err != nil {
		return err
	}
	if latest <= f.latest() {
		return nil
	}
	return f.read(ctx)
}

// row is a change.
type row struct {
	Filter
	change  int64
	deleted bool
}

// read reads the changes behind the known ones, and puts them in force. It does nothing
// before Start.
func (f *Filters) read(ctx context.Context) error {
	if !f.started.Load() {
		return nil
	}
	f.reading.Lock()
	defer f.reading.Unlock()
	var rows []row
	err := f.sql.Read().Rows(ctx, `SELECT `+Table.Columns+` FROM content_filters WHERE change > $1 ORDER BY change`, []any{f.known},
		func(scan func(...any) error) error {
			var r row
			if err := r.scanLists(scan, &r.change, &r.deleted); err != nil {
				return err
			}
			rows = append(rows, r)
			return nil
		})
	if err == nil && len(rows) > 0 {
		f.applyLocked(ctx, rows)
		f.known = rows[len(rows)-1].change
	}
	return err
}

// applyLocked makes new rules of the old ones and some changes.
func (f *Filters) applyLocked(ctx context.Context, rows []row) {
	next := &rules{rooms: map[string][]*live{}}
	if old := f.rules.Load(); old != nil {
		next.every, next.rooms = old.every, maps.Clone(old.rooms)
	}
	for i := range rows {
		r := &rows[i]
		var changed *live
		if !r.deleted {
			m, err := f.matcherLocked(&r.Filter)
			if err != nil { // A later release may allow more.
				f.log.LogAttrs(ctx, slog.LevelError, "A content filter is ignored", slog.String("filter", r.Name), slog.String("room", r.RoomID), slog.Any("error", err))
			} else {
				r.Terms, r.Expressions = nil, nil // The matcher has what it needs of them.
				changed = &live{r.Filter, m}
			}
		}
		if r.RoomID == "" {
			next.every = with(next.every, r.Name, changed)
		} else if some := with(next.rooms[r.RoomID], r.Name, changed); len(some) > 0 {
			next.rooms[r.RoomID] = some
		} else {
			delete(next.rooms, r.RoomID)
		}
	}
	n := 0
	used := map[*filter.Matcher]bool{}
	for some := range next.all() {
		n += len(some)
		for _, l := range some {
			used[l.matcher] = true
		}
	}
	maps.DeleteFunc(f.compiled, func(_ digest, m *filter.Matcher) bool { return !used[m] })
	f.metrics.Filters.Set(float64(n))
	if n == 0 {
		next = nil
	}
	f.rules.Store(next)
}

// all returns the filters of every room, and those of each room.
func (r *rules) all() func(yield func([]*live) bool) {
	return func(yield func([]*live) bool) {
		if !yield(r.every) {
			return
		}
		for _, some := range r.rooms {
			if !yield(some) {
				return
			}
		}
	}
}

// with returns a list with one filter changed; nil removes it. The old list stays as it is.
func with(old []*live, name string, changed *live) []*live {
	list := slices.DeleteFunc(slices.Clone(old), func(l *live) bool { return l.Name == name })
	if changed != nil {
		list = append(list, changed)
		slices.SortFunc(list, func(a, b *live) int { return strings.Compare(a.Name, b.Name) })
	}
	return list
}

// keep keeps a matcher until the next change is read.
func (f *Filters) keep(of *Filter, m *filter.Matcher) {
	f.reading.Lock()
	defer f.reading.Unlock()
	f.compiled[digestOf(of)] = m
}

// matcherLocked returns the matcher of a filter.
func (f *Filters) matcherLocked(of *Filter) (*filter.Matcher, error) {
	d := digestOf(of)
	if m := f.compiled[d]; m != nil {
		return m, nil
	}
	m, err := filter.Compile(of.Terms, of.Expressions)
	if err == nil {
		f.compiled[d] = m
	}
	return m, err
}
