// Package sqldb is the engine room below everything that is kept in SQL: it
// opens SQLite files or a PostgreSQL database, migrates their schemas, and runs
// statements and transactions. It knows no table: what a database is for stands
// in its Spec, in the package that owns the tables.
//
// There is one set of statements, in the SQL that SQLite and PostgreSQL share,
// with $1 placeholders; what differs stands behind the dialect interface. All
// times are integers, nanoseconds since 1970.
//
// With SQLite each database is a file of its own, so that writes to one cannot
// delay another. With PostgreSQL they are tables of one database that several
// servers share, and stay apart by their connections. Each has one connection
// that writes and several that read.
//
// DB.Update runs a transaction alone, over all servers; DB.Share runs it beside
// those of other servers. A Committer gathers writes that come at the same time
// into one transaction (group commit); a Spool is a Committer that keeps in
// memory what cannot be written yet.
//
// A database that fails is a *chat.Error with the code Unavailable; its cause is
// further down the chain, for the log.
package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"confab/internal/telemetry"
)

// IsPostgres reports whether a URL of Options.URL names a PostgreSQL database.
func IsPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// Options say where the databases are. Log and Metrics are required.
type Options struct {
	// URL is that of a PostgreSQL database, postgres://…, as libpq takes it:
	// sslmode, sslrootcert, application_name, search_path and statement_timeout
	// are those of the connections. Empty is SQLite in Dir.
	URL string
	// Wait is how long Open waits for a PostgreSQL that cannot be reached.
	Wait time.Duration
	// Existing has Open refuse a place without the first database, instead of
	// making it.
	Existing bool
	// Bulk is for copying a PostgreSQL database: no statement is too slow.
	Bulk bool
	// Dir is the directory of the SQLite files. It is made, for its owner only,
	// when it does not exist.
	Dir string
	// Now is the clock of DB.Now. With nil it is the clock of the database.
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *telemetry.Metrics
}

// Spec describes one database to Open.
type Spec struct {
	// Name is that of the SQLite file, <name>.db, and stands in metrics and in
	// the application_name of PostgreSQL connections.
	Name string
	// Migrations has the schema in numbered steps, in the folders
	// migrations/sqlite/<name> and migrations/postgres/<name>. A step that was
	// released is never changed: what comes later is another one.
	Migrations fs.FS
	// Durable has a commit survive a power cut; otherwise it survives kill -9. A
	// SQLite file that is durable and small is also checked for damage as a whole
	// when it is opened.
	Durable bool
	// LogBytes, if above 0, is about how long SQLite's write-ahead log gets, and
	// has the log checkpointed in the background instead of by commits.
	LogBytes int
	// PostgresReaders is how many PostgreSQL connections read.
	PostgresReaders int
	// PostgresLock is the second number of the advisory lock that serializes
	// Update over all servers: 2 to 4, another one for each database.
	PostgresLock int32
	// Loss says what is lost when a damaged SQLite file is moved away: the error
	// offers that when Loss is set.
	Loss string
	// Tables are those that Copy copies, those first that others refer to.
	Tables []Table
}

// Open opens the databases and makes or migrates their schemas. No other process
// does the same at that time. An error says what to change.
func Open(ctx context.Context, o Options, specs ...Spec) ([]*DB, error) {
	var d dialect = sqliteDialect{dir: o.Dir, log: o.Log}
	if o.URL != "" {
		var err error
		if d, err = newPostgres(o, specs); err != nil {
			return nil, err
		}
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	exists, err := d.exists(ctx, &specs[0])
	if err != nil {
		return nil, err
	}
	if !exists && o.Existing {
		return nil, fmt.Errorf("%w %s", ErrNoDatabase, d.place())
	}
	var all []*DB
	for i := range specs {
		db, err := openDatabase(ctx, d, &specs[i], o)
		if err != nil {
			return nil, errors.Join(err, Close(all...))
		}
		db.created = !exists
		all = append(all, db)
	}
	return all, nil
}

// ErrNoDatabase is what Open returns with Options.Existing.
var ErrNoDatabase = errors.New("there is no database of Confab in")

// Close closes the databases.
func Close(all ...*DB) error {
	var errs []error
	for _, db := range all {
		errs = append(errs, db.close())
	}
	return errors.Join(errs...)
}

// Time is the time in a column.
func Time(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }
