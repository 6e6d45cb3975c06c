package store

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
	// open returns the pool that writes and the one that reads. A transaction of
	// the first has the database to itself until it ends.
	open(ctx context.Context, name string) (writer, reader *sql.DB, err error)
	// migrate brings the schema up to date, and refuses one from the future.
	migrate(ctx context.Context, name string, writer *sql.DB) error
	// label is the database's name in metrics and errors.
	label(name string) string
}

// database is one database: for SQLite, one file.
type database struct {
	label   string
	metrics *telemetry.Metrics
	writer  *sql.DB // one connection
	reader  *sql.DB

	// turn holds one token, for the transaction that may use writer.
	turn     chan struct{}
	writing  statements // guarded by turn
	readings sharedStatements
}

func openDatabase(ctx context.Context, d dialect, name string, m *telemetry.Metrics) (*database, error) {
	writer, reader, err := d.open(ctx, name)
	if err != nil {
		return nil, err
	}
	db := &database{
		label:   d.label(name),
		metrics: m,
		writer:  writer,
		reader:  reader,
		turn:    make(chan struct{}, 1),
		writing: statements{},
	}
	if err := d.migrate(ctx, name, writer); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

func (d *database) close() error {
	// The writer goes last: the last connection to a SQLite file folds its log
	// into it, which one that only reads cannot.
	return errors.Join(d.reader.Close(), d.writer.Close())
}

// session runs statements, either on the reading connections or in one
// transaction. Its errors are ready to be returned to callers of the store.
type session struct {
	db      *database
	prepare func(ctx context.Context, query string) (*sql.Stmt, error)
}

// read returns a session in which every statement sees the newest committed
// state; two statements may see different ones.
func (d *database) read() session {
	return session{db: d, prepare: func(ctx context.Context, query string) (*sql.Stmt, error) {
		return d.readings.get(ctx, d.reader, query)
	}}
}

// update runs change in one transaction. It commits when change returns nil and
// returns change's error otherwise. ctx ends only the wait for the transaction:
// one that has begun is carried out, so that a caller who goes away does not
// leave the outcome open.
func (d *database) update(ctx context.Context, change func(ctx context.Context, s session) error) error {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return d.failed(ctx, ctx.Err())
	}
	ctx = context.WithoutCancel(ctx)
	// The connection is busy until the transaction ends, so what it met for the
	// first time is prepared for the following ones behind it.
	var fresh []string
	defer func() { d.writing.add(ctx, d.writer, fresh) }()

	start := time.Now()
	tx, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return d.failed(ctx, err)
	}
	defer tx.Rollback() //nolint:errcheck // After a commit there is nothing to roll back; else the first error counts.
	s := session{db: d, prepare: func(ctx context.Context, query string) (*sql.Stmt, error) {
		if known := d.writing[query]; known != nil {
			return tx.StmtContext(ctx, known), nil
		}
		fresh = append(fresh, query)
		return tx.PrepareContext(ctx, query)
	}}
	if err := change(ctx, s); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return d.failed(ctx, err)
	}
	d.metrics.CommitDuration.WithLabelValues(d.label).Observe(time.Since(start).Seconds())
	return nil
}

// failed is the error for callers when the database did not do its part. It is
// counted, unless the caller just did not wait.
func (d *database) failed(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		d.metrics.StoreErrors.WithLabelValues(d.label).Inc()
	}
	return fmt.Errorf("%s: %w: %w", d.label, chat.Errorf(chat.Unavailable, "The database is not available, try again"), err)
}

// exec runs a statement and returns how many rows it changed.
func (s session) exec(ctx context.Context, query string, args ...any) (int64, error) {
	statement, err := s.prepare(ctx, query) //nolint:sqlclosecheck // It is kept for the next call, or ends with the transaction.
	if err != nil {
		return 0, s.db.failed(ctx, err)
	}
	result, err := statement.ExecContext(ctx, args...)
	if err != nil {
		return 0, s.db.failed(ctx, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, s.db.failed(ctx, err)
	}
	return n, nil
}

// row reads one row into dest and says whether there was one.
func (s session) row(ctx context.Context, query string, args []any, dest ...any) (bool, error) {
	found := false
	err := s.rows(ctx, query, args, func(scan func(...any) error) error {
		found = true
		return scan(dest...)
	})
	return found, err
}

// rows calls each for every row; scan reads its columns. What each returns ends
// the reading and is an error of the database.
func (s session) rows(ctx context.Context, query string, args []any, each func(scan func(...any) error) error) error {
	statement, err := s.prepare(ctx, query) //nolint:sqlclosecheck // It is kept for the next call, or ends with the transaction.
	if err != nil {
		return s.db.failed(ctx, err)
	}
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return s.db.failed(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return s.db.failed(ctx, err)
		}
	}
	if err := rows.Err(); err != nil {
		return s.db.failed(ctx, err)
	}
	return nil
}
