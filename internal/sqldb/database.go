package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"confab/internal/chat"
)

// dialect is the difference between SQLite and PostgreSQL.
type dialect interface {
	// lock prevents other processes from opening and migrating at the same time.
	lock(ctx context.Context) (unlock func(), err error)
	// exists reports whether the database exists. The lock is held.
	exists(ctx context.Context, sp *Spec) (bool, error)
	// open returns the write pool, which has one connection, and the read pool.
	open(ctx context.Context, sp *Spec) (writer, reader *sql.DB, err error)
	// schema describes the schema for db, which is a pool of open.
	schema(sp *Spec, db *sql.DB) schema
	// background returns the work that runs while the database is open, nil for none.
	// It ends when its context ends.
	background(db *DB) (func(context.Context), error)
	// label is the database's name in metrics and errors. place is its location, for
	// errors about the whole place.
	label(name string) string
	place() string
	// owner is the holder of the leases that this process takes. It differs between
	// all servers that can run at the same time.
	owner() string
	// clock is an SQL expression for the present time, in nanoseconds since 1970, by
	// the clock that all servers share.
	clock() string
	// remote reports whether a commit may succeed without an answer.
	remote() bool
	// patience is the time limit of a transaction, or of a statement outside of one,
	// without the wait for its turn; 0 is no limit.
	patience() time.Duration

	// alone begins a transaction that excludes those of all other servers until it
	// ends.
	alone(ctx context.Context, s Session, sp *Spec) error
	// lockKeys makes the transaction wait for the holders of locks on the keys. It
	// then sees what they have written.
	lockKeys(ctx context.Context, s Session, keys []string) error

	// again reports whether the failed transaction was rolled back and is retryable.
	again(err error) bool
	// moved reports whether another server than the connected one accepts writes now.
	moved(err error) bool
	// matchesNothing reports whether a query failed because of an argument that no
	// value in the database can equal.
	matchesNothing(err error) bool
	// highWater is the last number that the column was given automatically.
	// setHighWater makes the next one greater.
	highWater(ctx context.Context, s Session, table, column string) (int64, error)
	setHighWater(ctx context.Context, s Session, table, column string, last int64) error
	// snapshot are the options of a transaction that reads one snapshot.
	snapshot() *sql.TxOptions
	// exclude keeps servers from using the database until end is called. It fails
	// when a server uses it.
	exclude(ctx context.Context, db *DB) (end func(), err error)
}

// DB is one database: for SQLite a file, for PostgreSQL some tables and the
// connections to them. Its methods are safe for concurrent use.
type DB struct {
	dialect
	spec    *Spec
	label   string
	metrics *Metrics
	clockOf func() time.Time // see Options.Now
	writer  *sql.DB          // one connection
	reader  *sql.DB

	// turn holds one token. A transaction takes it to use writer.
	turn     chan struct{}
	writing  statements // guarded by turn
	readings sharedStatements

	stop context.CancelFunc // ends the background work
	done chan struct{}      // closed when the background work has ended

	created bool // by Open
}

func openDatabase(ctx context.Context, d dialect, sp *Spec, o Options) (*DB, error) {
	writer, reader, err := d.open(ctx, sp)
	if err != nil {
		return nil, err
	}
	db := newDatabase(d, sp, o, writer, reader)
	if err := d.schema(sp, writer).migrate(ctx); err != nil {
		close(db.done)
		return nil, errors.Join(err, db.close())
	}
	if err := db.begin(context.WithoutCancel(ctx)); err != nil {
		close(db.done)
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// checkDatabase opens a database that can only be read.
func checkDatabase(ctx context.Context, d dialect, sp *Spec, o Options) (*DB, error) {
	writer, reader, err := d.open(ctx, sp)
	if err != nil {
		return nil, err
	}
	db := newDatabase(d, sp, o, writer, reader)
	close(db.done)
	if err := d.schema(sp, reader).check(ctx); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

func newDatabase(d dialect, sp *Spec, o Options, writer, reader *sql.DB) *DB {
	return &DB{
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
}

// begin starts the background work.
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
	// The writer is closed last: the last connection to a SQLite file checkpoints it,
	// which a read-only one cannot. See checkpoints.end for a large log.
	return errors.Join(d.reader.Close(), d.writer.Close())
}

// Label is the database's name in metrics and errors.
func (d *DB) Label() string { return d.label }

// Metrics are those that the database was opened with.
func (d *DB) Metrics() *Metrics { return d.metrics }

// Place is the location of the database, for errors about the whole place.
func (d *DB) Place() string { return d.place() }

// Created reports whether Open created the first of the databases.
func (d *DB) Created() bool { return d.created }

// Owner is the name of this process as the holder of leases. No other server that can run
// at the same time has it.
func (d *DB) Owner() string { return d.owner() }

// Clock is an SQL expression for the present time, in nanoseconds since 1970, by the
// clock that all servers share.
func (d *DB) Clock() string { return d.clock() }

// Remote reports whether the outcome of a commit can be unknown, because the connection to
// the database may break before the answer.
func (d *DB) Remote() bool { return d.remote() }

// Now is the time by which expired rows are deleted. It is the database's, because
// the clocks of servers may differ, unless Options.Now is set.
func (d *DB) Now(ctx context.Context) (time.Time, error) {
	if d.clockOf != nil {
		return d.clockOf(), nil
	}
	var now int64
	_, err := d.Read().Row(ctx, `SELECT `+d.clock(), nil, &now)
	return Time(now), err
}

// Session runs statements, either on the read connections or in one transaction. Its
// errors can be returned to callers of the store.
type Session struct {
	db      *DB
	prepare func(ctx context.Context, query string) (*sql.Stmt, error)
	// reading is set outside of a transaction.
	reading bool
}

// Read returns a session in which every statement sees the newest committed state.
// Two statements may see different states.
func (d *DB) Read() Session {
	return Session{db: d, reading: true, prepare: func(ctx context.Context, query string) (*sql.Stmt, error) {
		return d.readings.get(ctx, d.reader, query)
	}}
}

// ErrSlow is the error of a database that did not answer within its time limit.
var ErrSlow = errors.New("the database does not answer in time")

// bounded returns ctx with the time limit of the database.
func (d *DB) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if p := d.patience(); p > 0 {
		return context.WithTimeoutCause(ctx, p, ErrSlow)
	}
	return ctx, func() {}
}

// Update runs change in one transaction that excludes all others, so what it reads
// stays true until the commit. It commits when change returns nil, and returns
// change's error otherwise. change may be called again when the database has rolled
// back a transaction in favor of another. ctx ends only the wait for the transaction.
// A transaction that has begun is completed, so its outcome is known even if the
// caller leaves.
func (d *DB) Update(ctx context.Context, change func(ctx context.Context, s Session) error) error {
	return d.transact(ctx, change, true)
}

// Share runs a transaction like Update, but beside those of other servers, which may change
// what change has read before it commits. So change must decide by what a single statement
// has found and done, or after Session.LockKeys. Statements that change several rows must
// take them in the order of their keys, which avoids deadlocks.
func (d *DB) Share(ctx context.Context, change func(ctx context.Context, s Session) error) error {
	return d.transact(ctx, change, false)
}

// attempts is how often a retryable transaction is tried.
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

// attempt runs the transaction once. The caller holds the turn.
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
	// The connection was busy until here. New statements are prepared now, for later
	// transactions.
	d.writing.add(within, d.writer, fresh)
	return nil
}

// reconnect closes the idle connections.
func (d *DB) reconnect() {
	d.writer.SetMaxIdleConns(0)
	d.writer.SetMaxIdleConns(1)
	readers := d.reader.Stats().MaxOpenConnections
	d.reader.SetMaxIdleConns(0)
	d.reader.SetMaxIdleConns(readers)
}

// Failed makes the error for callers when the database failed. It counts the failure,
// unless the caller's own context ended.
func (d *DB) Failed(ctx context.Context, err error) error {
	slow := errors.Is(context.Cause(ctx), ErrSlow)
	if slow && !errors.Is(err, ErrSlow) {
		err = fmt.Errorf("%w: %w", ErrSlow, err)
	}
	if slow || ctx.Err() == nil {
		d.metrics.Errors.WithLabelValues(d.label).Inc()
	}
	return fmt.Errorf("%s: %w: %w", d.label, chat.Errorf(chat.Unavailable, "The database is not available, try again"), err)
}

// DB is the database of the session.
func (s Session) DB() *DB { return s.db }

// LockKeys makes the transaction wait for other servers' locks on the keys. It then
// sees what they have written. The locks are held until the transaction ends. It must
// be the first statement of a transaction of Share.
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

// Row reads one row into dest and reports whether there was one.
func (s Session) Row(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	found := false
	err := s.Rows(ctx, query, args, func(scan func(...any) error) error {
		found = true
		return scan(dest...)
	})
	return found, err
}

// Bytes is a destination for bytes that only the call with their row needs; nothing is copied.
type Bytes = sql.RawBytes

// Rows calls each for every row; scan reads its columns. An error of each ends the
// reading and is returned as an error of the database.
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

// unread is the result of a query that failed.
func (s Session) unread(ctx context.Context, err error) error {
	if s.reading && s.db.matchesNothing(err) {
		return nil
	}
	return s.db.Failed(ctx, err)
}
