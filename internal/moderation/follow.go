package moderation

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"confab/internal/poll"
	"confab/internal/sqldb"
)

// Bans are the bans of all rooms. Its methods are safe for concurrent use.
type Bans struct {
	// NewNotes begins the notes of one change, for the moderation log and webhooks.
	NewNotes func() Notes
	// Watch looks for changes of other servers. It must be set before Start, if there may be
	// others.
	Watch *poll.Watch

	sql   *sqldb.DB
	now   func() time.Time
	clock *clock // of now; nil if now is another one
	log   *slog.Logger
	list  *list

	// reading is held while changes are read, so that they are applied in their order.
	reading sync.Mutex

	// hooks and stop are set by Start.
	hooks Hooks
	stop  context.CancelFunc
	work  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	started bool
	news    []Ban         // bans that came into force, to be enforced
	wake    chan struct{} // 1 buffered: there are news
}

// Notes records one change of a ban for others. Reset is called at the begin of the
// change's transaction, which may run several times; Ban writes in the transaction; Forward
// is called after the commit.
type Notes interface {
	Reset()
	Ban(ctx context.Context, s sqldb.Session, b *Ban, c Change) error
	Forward(ctx context.Context)
}

// Change is the kind of a change of a ban.
type Change int

// The changes.
const (
	Made Change = iota
	Changed
	Lifted
)

// noNotes notes nothing.
type noNotes struct{}

func (noNotes) Reset() {}

func (noNotes) Ban(context.Context, sqldb.Session, *Ban, Change) error { return nil }

func (noNotes) Forward(context.Context) {}

// Hooks are the functions of a server that Start needs.
type Hooks struct {
	// Enforce ends the live sessions that a ban forbids. It is called for every ban of
	// TypeBan that comes into force after Start.
	Enforce func(ctx context.Context, b *Ban)
	// Tell sends changes to the other servers, which pass them to Receive, and waits a
	// moment for their answers. Nil means that there are none.
	Tell func(ctx context.Context, changes []byte)
}

// New returns the bans of a database. Until Start has read them, none is known. If now is nil,
// the clock is that of the database, where several servers may share it.
func New(db *sqldb.DB, now func() time.Time, log *slog.Logger) *Bans {
	b := &Bans{NewNotes: func() Notes { return noNotes{} }, sql: db, now: now, log: log, list: newList(), stop: func() {}, wake: make(chan struct{}, 1)}
	if now == nil {
		b.now = time.Now
		if db.Remote() {
			b.clock = &clock{own: time.Now}
			b.now = b.clock.now
		}
	}
	return b
}

// Now is the time by which bans are made and end.
func (b *Bans) Now() time.Time { return b.now() }

// Start reads all bans, and follows the changes of other servers until Close. Only servers
// do this, before their first client.
func (b *Bans) Start(ctx context.Context, h Hooks) error {
	if err := b.load(ctx); err != nil {
		return err
	}
	if err := b.read(ctx); err != nil {
		return err
	}
	b.hooks = h
	b.mu.Lock()
	b.started = true
	b.mu.Unlock()
	ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	b.work.Go(func() { b.enforce(ctx) })
	if b.sql.Remote() { // Only this process changes a SQLite file.
		b.work.Go(func() { b.follow(ctx) })
	}
	return nil
}

// Close ends the background work.
func (b *Bans) Close() {
	b.stop()
	b.work.Wait()
}

// mostEnforced bounds how many bans are enforced at a time: each may wait for a home that
// does not answer.
const mostEnforced = 64

func (b *Bans) enforce(ctx context.Context) {
	var ending errgroup.Group
	ending.SetLimit(mostEnforced)
	defer ending.Wait() //nolint:errcheck // There are no errors.
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		b.mu.Lock()
		news := b.news
		b.news = nil
		b.mu.Unlock()
		for i := range news {
			ending.Go(func() error {
				b.hooks.Enforce(ctx, &news[i])
				return nil
			})
		}
	}
}

// announce queues a ban that came into force.
func (b *Bans) announce(ban Ban) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		return // There are no sessions yet.
	}
	b.news = append(b.news, ban)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// follow reads changes until ctx ends.
func (b *Bans) follow(ctx context.Context) {
	b.Watch.Follow(ctx, &poll.Changes{
		Counter: latestChange,
		News:    func(latest int64) bool { return latest > b.known() || b.clock.isOld() },
		Read:    b.catchUp,
		Turned: func(err error) {
			if err == nil {
				b.log.LogAttrs(ctx, slog.LevelInfo, "Bans are read again")
				return
			}
			b.log.LogAttrs(ctx, slog.LevelWarn, "Bans not read; the known ones stay in force", slog.Any("error", err))
		},
	})
}

// catchUp reads what is new.
func (b *Bans) catchUp(ctx context.Context) error {
	latest, err := b.latest(ctx, b.sql.Read())
	if err != nil || latest <= b.known() {
		return err
	}
	return b.read(ctx)
}

func (b *Bans) known() int64 {
	b.list.mu.RLock()
	defer b.list.mu.RUnlock()
	return b.list.known
}

// read reads the changes behind the known ones, and applies them.
func (b *Bans) read(ctx context.Context) error { return b.readIn(ctx, b.sql.Read()) }

func (b *Bans) readIn(ctx context.Context, s sqldb.Session) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	rows, err := b.changes(ctx, s, b.known())
	if err == nil {
		b.apply(rows, true)
	}
	return err
}

// changes returns the changes behind a number. To a server that knows none, only bans that
// are in force are news.
func (b *Bans) changes(ctx context.Context, s sqldb.Session, known int64) (rows []row, err error) {
	query, args := `SELECT `+BansTable.Columns+` FROM bans WHERE change > $1`, []any{known}
	if known == 0 {
		query += ` AND (deleted = 0 AND (expires = 0 OR expires > $2) OR change = (SELECT max(change) FROM bans))`
		args = append(args, b.now().UnixNano())
	}
	err = s.Rows(ctx, query+` ORDER BY change`, args, func(scan func(...any) error) error {
		var r row
		if err := r.scan(scan, &r.change, &r.deleted); err != nil {
			return err
		}
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// apply puts changes into the list. With all set, they are all up to the last one. A ban
// that comes into force is enforced.
func (b *Bans) apply(rows []row, all bool) {
	now := b.now()
	l := b.list
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range rows {
		r := &rows[i]
		if r.change <= l.known && !all {
			continue // It is older than what is known.
		}
		end := endOf(r.Expires)
		if r.deleted || end <= endOf(now) {
			end = 0
		}
		l.setLocked(&r.Ban, end)
		if end > 0 && r.Type == TypeBan {
			b.announce(r.Ban)
		}
	}
	if n := len(rows); n > 0 && all {
		l.known = max(l.known, rows[n-1].change)
	}
}

// wireBan is a change as servers tell it to each other.
type wireBan struct {
	Change  int64     `json:"change"`
	ID      string    `json:"id"`
	Type    Type      `json:"type"`
	RoomID  string    `json:"room,omitzero"`
	UserID  []byte    `json:"user,omitzero"`
	Range   string    `json:"range,omitzero"`
	Reason  string    `json:"reason,omitzero"`
	Created time.Time `json:"created,omitzero"` // not from earlier releases
	Expires time.Time `json:"expires,omitzero"`
	Deleted bool      `json:"deleted,omitzero"`
}

// tellWithin bounds how long a change waits until the other servers know it.
const tellWithin = 500 * time.Millisecond

// tell applies the changes of this server from a number on, and tells the others. They
// also get them if they cannot read the database.
func (b *Bans) tell(ctx context.Context, from int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellWithin)
	defer cancel()
	if err := b.read(ctx); err != nil {
		return err
	}
	if b.hooks.Tell == nil {
		return nil
	}
	rows, err := b.changes(ctx, b.sql.Read(), from-1)
	if err != nil {
		return err
	}
	all := make([]wireBan, 0, len(rows))
	for i := range rows[:min(len(rows), mostTold)] {
		r := &rows[i]
		w := wireBan{Change: r.change, ID: r.ID, Type: r.Type, RoomID: r.RoomID, UserID: []byte(r.UserID), Reason: r.Reason, Created: r.CreateTime, Expires: r.Expires, Deleted: r.deleted}
		if r.UserID == "" {
			w.UserID, w.Range = nil, r.Range.String()
		}
		all = append(all, w)
	}
	body, err := json.Marshal(all)
	if err != nil {
		return err
	}
	b.hooks.Tell(ctx, body)
	return nil
}

// mostTold bounds the changes of one message. The others read the rest.
const mostTold = 100

// Receive applies changes that another server has sent. If it lacks earlier changes, it
// reads them from the database.
func (b *Bans) Receive(ctx context.Context, changes []byte) error {
	var all []wireBan
	if err := json.Unmarshal(changes, &all); err != nil {
		return err
	}
	rows := make([]row, 0, len(all))
	for _, w := range all {
		r := row{change: w.Change, deleted: w.Deleted, Ban: Ban{ID: w.ID, Type: w.Type, RoomID: w.RoomID, UserID: string(w.UserID), Reason: w.Reason, CreateTime: w.Created, Expires: w.Expires}}
		if r.UserID == "" {
			p, err := netip.ParsePrefix(w.Range)
			if err != nil {
				return err
			}
			r.Range = p
		}
		rows = append(rows, r)
	}
	b.reading.Lock()
	b.apply(rows, false)
	b.reading.Unlock()
	return b.catchUp(ctx)
}

func (b *Bans) isStarted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.started
}
