package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"confab/internal/flock"
)

// busyTimeout is how long a statement waits for another process that writes, such as
// an operator's command beside a running server.
const busyTimeout = 5 * time.Second

// applicationID marks Confab's files, in the header of every SQLite file.
const applicationID = 0x436e6662 // "Cnfb"

// checkLimit is the size up to which the whole main file is checked for damage when
// it is opened: about 100 ms.
const checkLimit = 64 << 20

// sqliteDialect keeps the databases as files of one directory.
type sqliteDialect struct {
	dir   string
	reads bool // only, see Check
	sound bool // see Options.Checked
	log   *slog.Logger
}

// pageSize is SQLite's default. Another one only changes the length of the log.
const pageSize = 4096

func (d sqliteDialect) label(name string) string { return name + ".db" }

func (d sqliteDialect) place() string { return strconv.Quote(d.dir) }

// owner is constant: one server at a time uses a directory, so it keeps its leases
// after kill -9 and a restart.
func (d sqliteDialect) owner() string { return "server" }

func (d sqliteDialect) clock() string { return `CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000000` }

func (d sqliteDialect) remote() bool { return false }

// patience is 0: SQLite answers, or fails after busyTimeout.
func (d sqliteDialect) patience() time.Duration { return 0 }

// alone does nothing: every transaction has its file to itself. See _txlock in open.
func (d sqliteDialect) alone(context.Context, Session, *Spec) error       { return nil }
func (d sqliteDialect) lockKeys(context.Context, Session, []string) error { return nil }

func (d sqliteDialect) again(error) bool          { return false }
func (d sqliteDialect) moved(error) bool          { return false }
func (d sqliteDialect) matchesNothing(error) bool { return false }

func (d sqliteDialect) highWater(ctx context.Context, s Session, table, _ string) (last int64, err error) {
	_, err = s.Row(ctx, `SELECT seq FROM sqlite_sequence WHERE name = $1`, []any{table}, &last)
	return last, err
}

func (d sqliteDialect) setHighWater(ctx context.Context, s Session, table, _ string, last int64) error {
	n, err := s.Exec(ctx, `UPDATE sqlite_sequence SET seq = $2 WHERE name = $1`, table, last)
	if err == nil && n == 0 {
		_, err = s.Exec(ctx, `INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)`, table, last)
	}
	return err
}

// snapshot is nil: a read transaction sees what was committed before its first
// statement.
func (d sqliteDialect) snapshot() *sql.TxOptions { return nil }

// exclude does nothing: servers hold a lock in the directory.
func (d sqliteDialect) exclude(context.Context, *DB) (func(), error) { return func() {}, nil }

func (d sqliteDialect) path(name string) string { return filepath.Join(d.dir, d.label(name)) }

// lock makes the directory and takes the lock file in it.
func (d sqliteDialect) lock(ctx context.Context) (func(), error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the data directory %q: %w; choose another with --data-dir", d.dir, plain(err))
	}
	path := filepath.Join(d.dir, "confab.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write in the data directory %q: %w; make it writable or choose another with --data-dir", d.dir, plain(err))
	}
	if err := flock.Lock(ctx, f); err != nil {
		f.Close()
		if errors.Is(err, flock.ErrHeld) {
			return nil, fmt.Errorf("another process has been opening the data directory %q for too long: %w", d.dir, ctx.Err())
		}
		return nil, fmt.Errorf("cannot lock %q: %w", path, err)
	}
	return func() { f.Close() }, nil // Closing releases the lock.
}

func (d sqliteDialect) exists(_ context.Context, sp *Spec) (bool, error) {
	_, err := os.Lstat(d.path(sp.Name))
	return err == nil, nil
}

// SQLitePath is the path of a database in a directory.
func SQLitePath(dir, name string) string { return sqliteDialect{dir: dir}.path(name) }

// open opens one file and checks that it is undamaged and Confab's.
func (d sqliteDialect) open(ctx context.Context, sp *Spec) (writer, reader *sql.DB, err error) {
	path := d.path(sp.Name)
	size, err := createFile(path)
	if err != nil { // Check has seen the file, so it does not create it.
		return nil, nil, fmt.Errorf("cannot open the database %q: %w; make it readable and writable for this user, or choose another directory with --data-dir", path, plain(err))
	}

	writer, err = sql.Open("sqlite", d.dsn(sp, "_txlock=immediate"))
	if err != nil {
		return nil, nil, err
	}
	writer.SetMaxOpenConns(1)
	reader, err = sql.Open("sqlite", d.dsn(sp, "_query_only=1"))
	if err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	readers := max(4, runtime.GOMAXPROCS(0))
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	first := writer
	if d.reads {
		first = reader // The writer never connects.
	}
	if err := d.check(ctx, first, sp, size); err != nil {
		return nil, nil, errors.Join(d.explain(sp, err), writer.Close(), reader.Close())
	}
	return writer, reader, nil
}

// background checkpoints a database if its Spec asks for it.
func (d sqliteDialect) background(db *DB) (func(context.Context), error) {
	most := db.spec.LogBytes
	if most <= 0 {
		return nil, nil
	}
	conn, err := sql.Open("sqlite", d.dsn(db.spec, ""))
	if err != nil {
		return nil, err
	}
	conn.SetMaxOpenConns(2) // One checkpoints, one reads.
	c := &checkpoints{
		db: db, path: d.path(db.spec.Name) + "-wal", conn: conn, log: d.log,
		most: most / pageSize, fold: min(foldBytes, most/8) / pageSize,
	}
	return c.loop, nil
}

// createFile creates the file for its owner only, if it does not exist, and returns
// its size. SQLite gives its log and index files the same mode. An existing file is
// not opened here: closing it would release this process's locks on it.
func createFile(path string) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		return 0, f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// dsn is the data source name of a connection. With WAL, reads and writes do not block each other.
// With synchronous FULL a durable database syncs the log at every commit; the others, with NORMAL,
// at checkpoints only. The log is truncated to 64 MiB after many writes. A database with background
// checkpoints is mapped into memory: its readers read different pages each time, and every write in
// between would empty their caches.
func (d sqliteDialect) dsn(sp *Spec, mode string) string {
	synchronous, mapped, logSize, own := "NORMAL", 0, 64<<20, ""
	if sp.Durable {
		synchronous = "FULL"
	}
	if sp.LogBytes > 0 {
		mapped, logSize = 256<<20, sp.LogBytes
		own = "&_pragma=wal_autocheckpoint(0)" // See checkpoints.
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(d.path(sp.Name))}
	if !filepath.IsAbs(d.dir) {
		u = url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(d.path(sp.Name))}).EscapedPath()}
	}
	u.RawQuery = "_busy_timeout=" + strconv.Itoa(int(busyTimeout.Milliseconds())) +
		"&_journal_mode=WAL&_synchronous=" + synchronous + "&_foreign_keys=1&_dqs=0&_defensive=1&_error_rc=1" +
		"&_pragma=journal_size_limit(" + strconv.Itoa(logSize) + ")&_pragma=cache_size(-16384)&_pragma=trusted_schema(0)&_pragma=mmap_size(" + strconv.Itoa(mapped) + ")" + own + "&" + mode
	return u.String()
}

// check finds damaged files and files of other programs.
func (d sqliteDialect) check(ctx context.Context, db *sql.DB, sp *Spec, size int64) error {
	var id, tables int
	if err := db.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	switch {
	case id == applicationID:
	case id == 0 && tables == 0:
		if _, err := db.ExecContext(ctx, `PRAGMA application_id = `+strconv.Itoa(applicationID)); err != nil {
			return err
		}
	default:
		return errForeign
	}
	if !sp.Durable || size > checkLimit || d.sound {
		return nil
	}
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	return nil
}

var (
	errForeign = errors.New("it is a SQLite database, but not one of Confab")
	errDamaged = errors.New("it is damaged")
)

// explain returns an error that describes the file's problem and its fix.
func (d sqliteDialect) explain(sp *Spec, err error) error {
	path := d.path(sp.Name)
	code := -1
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		code = e.Code() & 0xff
	}
	switch {
	case errors.Is(err, errForeign), code == sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%q is not a database of Confab (%w); move it away or choose another directory with --data-dir", path, err)
	case errors.Is(err, errDamaged), code == sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the database %q is damaged (%w); restore it from a backup%s", path, err, withoutIt(sp))
	case code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("the database %q is locked by another process (%w); stop that process", path, err)
	case code == sqlite3.SQLITE_READONLY || code == sqlite3.SQLITE_CANTOPEN || code == sqlite3.SQLITE_PERM:
		return fmt.Errorf("cannot write the database %q (%w); make it and its directory writable for this user, or choose another with --data-dir", path, err)
	case code == sqlite3.SQLITE_FULL:
		return fmt.Errorf("no space is left for the database %q (%w)", path, err)
	}
	return fmt.Errorf("cannot open the database %q: %w", path, err)
}

// withoutIt describes what is lost when a damaged file is moved away, if that is an
// option.
func withoutIt(sp *Spec) string {
	if sp.Loss == "" {
		return ""
	}
	return ", or move it away: " + sp.Loss
}

// plain removes what an *fs.PathError repeats: the operation and the path.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
