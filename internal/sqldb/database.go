package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"confab/internal/chat"
	"confab/internal/telemetry"
)

// dialect is what differs between databases.
type dialect interface {
	// lock keeps other processes from opening and migrating at the same time.
	lock(ctx context.Context) (unlock func(), err error)
	// exists reports whether there is such a database already. The lock is held.
	exists(ctx context.Context, sp *Spec) (bool, error)
	// open returns the pool that writes and the one that reads. The first has
	// one connection.
	open(ctx context.Context, sp *Spec) (writer, reader *sql.DB, err error)
	// migrate brings the schema up to date, and refuses one from the future.
	migrate(ctx context.Context, sp *Spec, writer *sql.DB) error
	// background returns the work that the database needs for as long as it is
	// open, nil for none. The work ends when its context does.
	background(db *DB) (func(context.Context), error)
	// label is the database's name in metrics and errors, place where it is, for
	// errors about all of it.
	label(name string) string
	place() string
	// owner is who holds the leases that this process takes. It is another one
	// for every server that can run beside this one.
	owner() string
	// clock is an expression: now, by the clock that all servers share, in
	// nanoseconds since 1970.
	clock() string
	// patience is how long a transaction, or a statement outside of one, may
	// take, the waiting for its turn not included; 0 is without end.
	patience() time.Duration

	// alone is the beginning of a transaction that has the database to itself,
	// over all servers, until it ends.
	alone(ctx context.Context, s Session, sp *Spec) error
	// lockKeys has the transaction wait for those that hold a lock on one of the
	// keys, until it sees what they have written.
	lockKeys(ctx context.Context, s Session, keys []string) error

	// again says whether a transaction that failed like this has left nothing
	// behind and may work when it is carried out once more.
	again(err error) bool
	// moved says whether another server than the connected one takes writes now.
	moved(err error) bool
	// matchesNothing says whether a query failed because of an argument that
	// equals no value that the database can hold.
	matchesNothing(err error) bool
	// highWater is the last number that the table's column has given itself, and
	// setHighWater has the next one be greater.
	highWater(ctx context.Context, s Session, table, column string) (int64, error)
	setHighWater(ctx context.Context, s Session, table, column string, last int64) error
	// snapshot are the options of a transaction that reads everything as it was
	// at one moment.
	snapshot() *sql.TxOptions
	// exclude keeps servers off the database until end is called, and refuses
	// when there are some.
	exclude(ctx context.Context, db *DB) (end func(), err error)
}

// DB is one database: for SQLite, one file; for PostgreSQL, some tables and the
// connections to them. All methods may be called from any goroutine.
type DB struct {
	dialect
	spec    *Spec
	label   string
	metrics *telemetry.Metrics
	clockOf func() time.Time // see Options.Now
	writer  *sql.DB          // one connection
	reader  *sql.DB

	// turn holds one token, for the transaction that may use writer.
	turn     chan struct{}
	writing  statements // guarded by turn
	readings sharedStatements

	stop context.CancelFunc // ends what goes on in the background
	done chan struct{}      // closed when that has ended

	created bool // by Open
}

func openDatabase(ctx context.Context, d dialect, sp *Spec, o Options) (*DB, error) {
	writer, reader, err := d.open(ctx, sp)
	if err != nil {
		return nil, err
	}
	db := &DB{
		dialect: d,
		spec:    sp,
		label:   d.label(sp.Name),
		metrics: o.Metrics,
		clockOf: o.Now,
		writer:  writer,
		reader:  reader,
		turn:    make(chan struct{}, 1),
		writing: statements{},
		stop:    func() {},
		done:    make(chan struct{}),
	}
	if err := d.migrate(ctx, sp, writer); err != nil {
		close(db.done)
		return nil, errors.Join(err, db.close())
	}
	if err := db.begin(context.WithoutCancel(ctx)); err != nil {
		close(db.done)
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// begin starts what goes on in the background.
func (d *DB) begin(ctx context.Context) error {
	work, err := d.background(d)
	if err != nil {
		return err
	}
	if work == nil {
		close(d.done)
		return nil
	}
	ctx, d.stop = context.WithCancel(ctx)
	go func() {
		defer close(d.done)
		work(ctx)
	}()
	return nil
}

func (d *DB) close() error {
	d.stop()
	<-d.done
	// The writer goes last: the last connection to a SQLite file folds its log
	// into it, which one that only reads cannot.
	return errors.Join(d.reader.Close(), d.writer.Close())
}

// Label is the database's name in metrics and errors.
func (d *DB) Label() string { return d.label }

// Place is where the database is, for errors about all that is there.
func (d *DB) Place() string { return d.place() }

// Created reports whether Open made the first of the databases.
func (d *DB) Created() bool { return d.created }

// Owner is who holds the leases that this process takes. It is another one for
// every server that can run beside this one.
func (d *DB) Owner() string { return d.owner() }

// Clock is an SQL expression: now, by the clock that all servers share, in
// nanoseconds since 1970.
func (d *DB) Clock() string { return d.clock() }

// Now is the time by which what has expired is deleted. It is that of the
// database, because the clocks of servers may differ, unless Options.Now is set.
func (d *DB) Now(ctx context.Context) (time.Time, error) {
	if d.clockOf != nil {
		return d.clockOf(), nil
	}
	var now int64
	_, err := d.Read().Row(ctx, `SELECT `+d.clock(), nil, &now)
	return Time(now), err
}

// Session runs statements, either on the reading connections or in one
// transaction. Its errors are ready to be returned to callers of the store.
type Session struct {
	db      *DB
	prepare func(ctx context.Context, query string) (*sql.Stmt, error)
	// reading is outside of a transaction.
	reading bool
}

// Read returns a session in which every statement sees the newest committed
// state; two statements may see different ones.
func (d *DB) Read() Session {
	return Session{db: d, reading: true, prepare: func(ctx context.Context, query string) (*sql.Stmt, error) {
		return d.readings.get(ctx, d.reader, query)
	}}
}

// ErrSlow is why a database that does not answer is not waited for any more.
var ErrSlow = errors.New("the database does not answer in time")

// bounded is ctx for as long as the database may take.
func (d *DB) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if p := d.patience(); p > 0 {
		return context.WithTimeoutCause(ctx, p, ErrSlow)
	}
	return ctx, func() {}
}

// Update runs change in one transaction that has the database to itself: what
// it reads is true until it has committed. It commits when change returns nil
// and returns change's error otherwise. change may be called again, when the
// database has undone a transaction for the sake of another. ctx ends only the
// wait for the transaction: one that has begun is carried out, so that a caller
// who goes away does not leave the outcome open.
func (d *DB) Update(ctx context.Context, change func(ctx context.Context, s Session) error) error {
	return d.transact(ctx, change, true)
}

// Share is Update beside transactions of other servers. What change reads may
// be changed by them before it has committed: it decides by what a single
// statement found and did, or behind Session.LockKeys. Statements that change several
// Rows take them in the order of their keys, so that no two wait for each other.
func (d *DB) Share(ctx context.Context, change func(ctx context.Context, s Session) error) error {
	return d.transact(ctx, change, false)
}

// attempts is how often a transaction is tried that others keep from working.
const attempts = 3

func (d *DB) transact(ctx context.Context, change func(ctx context.Context, s Session) error, alone bool) error {
	waiting, cancel := d.bounded(ctx)
	defer cancel()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-waiting.Done():
		return d.Failed(waiting, context.Cause(waiting))
	}
	for n := 1; ; n++ {
		err := d.attempt(context.WithoutCancel(ctx), change, alone)
		if err == nil {
			return nil
		}
		if d.moved(err) {
			d.reconnect()
		}
		if n == attempts || !d.again(err) {
			return err
		}
	}
}

// attempt carries the transaction out once. The caller has the turn.
func (d *DB) attempt(ctx context.Context, change func(ctx context.Context, s Session) error, alone bool) error {
	within, cancel := d.bounded(ctx)
	defer cancel()
	start := time.Now()
	tx, err := d.writer.BeginTx(within, nil)
	if err != nil {
		return d.Failed(within, err)
	}
	defer tx.Rollback() //nolint:errcheck // After a commit there is nothing to roll back; else the first error counts.
	var fresh []string
	s := Session{db: d, prepare: func(ctx context.Context, query string) (*sql.Stmt, error) {
		if known := d.writing[query]; known != nil {
			return tx.StmtContext(ctx, known), nil
		}
		fresh = append(fresh, query)
		return tx.PrepareContext(ctx, query)
	}}
	if alone {
		if err := d.alone(within, s, d.spec); err != nil {
			return err
		}
	}
	if err := change(within, s); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return d.Failed(within, err)
	}
	d.metrics.CommitDuration.WithLabelValues(d.label).Observe(time.Since(start).Seconds())
	// The connection was busy until here, so what it met for the first time is
	// prepared for the following transactions behind it.
	d.writing.add(within, d.writer, fresh)
	return nil
}

// reconnect closes the connections that nobody uses at the moment.
func (d *DB) reconnect() {
	d.writer.SetMaxIdleConns(0)
	d.writer.SetMaxIdleConns(1)
	readers := d.reader.Stats().MaxOpenConnections
	d.reader.SetMaxIdleConns(0)
	d.reader.SetMaxIdleConns(readers)
}

// Failed is the error for callers when the database did not do its part. It is
// counted, unless the caller just did not wait.
func (d *DB) Failed(ctx context.Context, err error) error {
	slow := errors.Is(context.Cause(ctx), ErrSlow)
	if slow && !errors.Is(err, ErrSlow) {
		err = fmt.Errorf("%w: %w", ErrSlow, err)
	}
	if slow || ctx.Err() == nil {
		d.metrics.StoreErrors.WithLabelValues(d.label).Inc()
	}
	return fmt.Errorf("%s: %w: %w", d.label, chat.Errorf(chat.Unavailable, "The database is not available, try again"), err)
}

// DB is the database that the session is of.
func (s Session) DB() *DB { return s.db }

// LockKeys has the transaction wait for those on other servers that have locked
// one of the keys, until it sees what they have written. The locks are held until
// the transaction ends. It is the first statement of a transaction of Share.
func (s Session) LockKeys(ctx context.Context, keys []string) error {
	return s.db.lockKeys(ctx, s, keys)
}

// Exec runs a statement and returns how many rows it changed.
func (s Session) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	statement, err := s.prepare(ctx, query) //nolint:sqlclosecheck // It is kept for the next call, or ends with the transaction.
	if err != nil {
		return 0, s.db.Failed(ctx, err)
	}
	result, err := statement.ExecContext(ctx, args...)
	if err != nil {
		return 0, s.db.Failed(ctx, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, s.db.Failed(ctx, err)
	}
	return n, nil
}

// Row reads one row into dest and says whether there was one.
func (s Session) Row(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	found := false
	err := s.Rows(ctx, query, args, func(scan func(...any) error) error {
		found = true
		return scan(dest...)
	})
	return found, err
}

// Rows calls each for every row; scan reads its columns. What each returns ends
// the reading and is an error of the database.
func (s Session) Rows(ctx context.Context, query string, args []any, each func(scan func(...any) error) error) error {
	if s.reading {
		var cancel context.CancelFunc
		ctx, cancel = s.db.bounded(ctx)
		defer cancel()
	}
	statement, err := s.prepare(ctx, query) //nolint:sqlclosecheck // It is kept for the next call, or ends with the transaction.
	if err != nil {
		return s.db.Failed(ctx, err)
	}
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return s.unread(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return s.db.Failed(ctx, err)
		}
	}
	if err := rows.Err(); err != nil {
		return s.unread(ctx, err)
	}
	return nil
}

// unread is the outcome of a query that failed.
func (s Session) unread(ctx context.Context, err error) error {
	if s.reading && s.db.matchesNothing(err) {
		return nil
	}
	return s.db.Failed(ctx, err)
}
