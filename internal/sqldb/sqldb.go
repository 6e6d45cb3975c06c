// Package sqldb is the SQL layer of all storage: it opens SQLite files or a
// PostgreSQL database, migrates their schemas, and runs statements and transactions.
// It knows no tables: a Spec describes each database, in the package that owns the
// tables.
//
// There is one set of statements, in the SQL that SQLite and PostgreSQL share, with
// $1 placeholders. The dialect interface has the differences. All times are integers,
// nanoseconds since 1970.
//
// With SQLite each database is its own file, so that writes to one cannot delay
// another. With PostgreSQL they are tables of one database that several servers
// share, each with its own connections: one that writes and several that read.
//
// DB.Update runs a transaction that excludes those of all servers; DB.Share runs it
// beside those of other servers. A Committer gathers concurrent writes into one
// transaction (group commit). A Spool is a Committer that keeps in memory what cannot
// be written yet.
//
// A database failure is a *chat.Error with the code Unavailable. Its cause is in the
// error chain, for the log.
package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"
)

// IsPostgres reports whether the URL of Options.URL names a PostgreSQL database.
func IsPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// Options locate the databases. Log and Metrics are required.
type Options struct {
	// URL is that of a PostgreSQL database, postgres://…, in libpq's form. sslmode,
	// sslrootcert, application_name, search_path and statement_timeout apply to the
	// connections. Empty is SQLite in Dir.
	URL string
	// Wait is how long Open waits for an unreachable PostgreSQL.
	Wait time.Duration
	// Existing makes Open fail if the first database does not exist, instead of
	// creating it.
	Existing bool
	// Checked skips the search for damage, because Check has just done it.
	Checked bool
	// Bulk is for copying a PostgreSQL database: statements have no time limit.
	Bulk bool
	// Dir is the directory of the SQLite files. If it does not exist, it is created
	// for its owner only.
	Dir string
	// Now is the clock of DB.Now; nil is the clock of the database.
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *Metrics
}

// Spec describes one database to Open.
type Spec struct {
	// Name is that of the SQLite file, <name>.db. It is used in metrics and in the
	// application_name of PostgreSQL connections.
	Name string
	// Migrations has the schema in numbered steps, in the folders
	// migrations/sqlite/<name> and migrations/postgres/<name>. A released step is
	// never changed: a change is a new step.
	Migrations fs.FS
	// Durable makes a commit survive a power cut; otherwise it survives kill -9. A
	// small durable SQLite file is also checked as a whole for damage when it is
	// opened.
	Durable bool
	// LogBytes, if above 0, is the approximate limit of SQLite's write-ahead log. The
	// log is then checkpointed in the background instead of by commits.
	LogBytes int
	// PostgresReaders is the number of PostgreSQL connections that read.
	PostgresReaders int
	// PostgresLock is the second number of the advisory lock that serializes Update
	// over all servers: 2 to 4, different for each database.
	PostgresLock int32
	// Loss says what is lost when a damaged SQLite file is moved away. If it is set, the
	// error about the damage offers that.
	Loss string
	// Tables are those that Copy copies, referenced tables first.
	Tables []Table
}

// Open opens the databases and creates or migrates their schemas. A lock keeps other
// processes from doing this at the same time. Errors describe what to change.
func Open(ctx context.Context, o Options, specs ...Spec) ([]*DB, error) {
	d, err := newDialect(sqliteDialect{dir: o.Dir, sound: o.Checked, log: o.Log}, o, specs)
	if err != nil {
		return nil, err
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

// Check opens the databases for reading only, so that servers may use them meanwhile. It
// refuses a damaged database, and one whose schema would have to be migrated. A database
// that does not exist is nil in the result. While a SQLite database is open here, another
// process can close it without a checkpoint.
func Check(ctx context.Context, o Options, specs ...Spec) ([]*DB, error) {
	d, err := newDialect(sqliteDialect{dir: o.Dir, reads: true, log: o.Log}, o, specs)
	if err != nil {
		return nil, err
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	all := make([]*DB, len(specs))
	for i := range specs {
		exists, err := d.exists(ctx, &specs[i])
		if err == nil && exists {
			all[i], err = checkDatabase(ctx, d, &specs[i], o)
		}
		if err != nil {
			return nil, errors.Join(err, Close(all...))
		}
	}
	return all, nil
}

func newDialect(files sqliteDialect, o Options, specs []Spec) (dialect, error) {
	if o.URL == "" {
		return files, nil
	}
	return newPostgres(o, specs)
}

// ErrNoDatabase is what Open returns with Options.Existing.
var ErrNoDatabase = errors.New("there is no database of Confab in")

// Close closes the databases, except nil ones.
func Close(all ...*DB) error {
	var errs []error
	for _, db := range all {
		if db != nil {
			errs = append(errs, db.close())
		}
	}
	return errors.Join(errs...)
}

// Time is the time in a column.
func Time(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }
