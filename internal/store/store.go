// Package store is the durable truth in SQL: rooms, logging configurations,
// tags, credentials, token keys, the tokens that were used, and the transcript
// of what rooms delivered.
//
// There is one set of statements, in the SQL that SQLite and PostgreSQL share,
// with $1 placeholders; what differs stands behind the dialect interface. All
// times are integers, nanoseconds since 1970; maps are JSON text.
//
// With SQLite the truth is three files, so that neither a storm of connecting
// clients nor a logged room can hold up the API, or each other:
//
//	confab.db      what the API stores. Survives a power cut once acknowledged.
//	tokens.db      redemptions of chat tokens. Survives kill -9.
//	transcript.db  delivered frames. Survives kill -9.
//
// With PostgreSQL they are tables of one database that several servers share, and
// stay apart by their connections.
//
// Each has one connection that writes and several that read. Redemptions and
// frames that come at the same time share one commit (see committer). A
// transaction of the API has confab to itself, over all servers; those for
// tokens and the transcript run beside each other (see database.update and share).
//
// Refusals are *chat.Error. A database that fails is Unavailable, with the cause
// further down the chain for the log.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/telemetry"
)

// SecretKeySize is the length of Options.SecretKey in bytes.
const SecretKeySize = 32

// The databases. For SQLite each is a file, <name>.db; for PostgreSQL, tables.
const (
	mainDatabase       = "confab"
	tokensDatabase     = "tokens"
	transcriptDatabase = "transcript"
)

// The defaults of Options.
const (
	DefaultRetention  = 72 * time.Hour
	DefaultSpoolBytes = 64 << 20
	DefaultLogBytes   = 512 << 20
)

// IsPostgres says whether a URL of Options.Database names a PostgreSQL database.
func IsPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// Options say where the truth is and who may read its secrets.
type Options struct {
	// Database is the URL of a PostgreSQL database, postgres://…, as libpq takes
	// it: sslmode, sslrootcert, application_name, search_path and statement_timeout
	// are those of the connections. Empty is SQLite in Dir.
	Database string
	// Wait is how long Open waits for a PostgreSQL that cannot be reached.
	Wait time.Duration
	// Bulk is for copying a PostgreSQL database: no statement is too slow.
	Bulk bool
	// Dir is the data directory of SQLite. It is made, for nobody but its owner,
	// when it does not exist.
	Dir string
	// SecretKey, 32 bytes, seals the secrets in the database. Every node and
	// command needs the one that the database was made with.
	SecretKey []byte
	// Region and Account stand in the ARNs of what is stored. They are not stored
	// themselves: with others, the same rooms have other ARNs.
	Region, Account string
	// Retention is how long frames stay in the transcript; 0 is 72 hours.
	Retention time.Duration
	// SpoolBytes bounds the frames in memory that wait to be written, also while
	// the disk does not work; 0 is 64 MiB.
	SpoolBytes int
	// LogBytes is how long SQLite's log of the transcript gets, about; 0 is 512 MiB.
	// The shorter it is, the more often do frames wait for it to begin anew.
	LogBytes int
	// Log may be nil.
	Log *slog.Logger
	// Metrics may be nil.
	Metrics *telemetry.Metrics
	// Now is the clock. With nil it is time.Now, and what is deleted because of
	// its age is by the clock of the database: servers may be of two minds.
	Now func() time.Time
}

// DB is an open store. All methods may be called from any goroutine.
type DB struct {
	o    Options
	seal *sealer
	page pager

	dialect    dialect
	ownClock   bool // see Options.Now
	main       *database
	tokens     *database
	transcript *database

	redemptions *committer[*redemption]
	frames      *committer[*chat.Frame]
	drops       dropLog
	writing     batchName // of the goroutine that writes frames
	readers     readers
	moves       *committer[*move]

	ready readiness

	ctx        context.Context // of what goes on in the background; ends with Close
	stop       context.CancelFunc
	background sync.WaitGroup
}

// Open opens the store and makes or migrates its databases. Several processes
// may have it open, as a command beside a running server. With SQLite, only one
// of them should be a server. An error says what to change.
func Open(ctx context.Context, o Options) (*DB, error) {
	ownClock := o.Now == nil
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	db := &DB{o: o, ownClock: ownClock, dialect: sqliteDialect{dir: o.Dir, logBytes: o.LogBytes}}
	if o.Database != "" {
		if db.dialect, err = newPostgres(o); err != nil {
			return nil, err
		}
	}
	if db.seal, err = newSealer(o.SecretKey); err != nil {
		return nil, err
	}
	if db.page.key, err = subkey(o.SecretKey, "next token"); err != nil {
		return nil, err
	}
	if err := db.open(ctx); err != nil {
		return nil, errors.Join(err, db.closeDatabases())
	}
	var folding *checkpoints
	if d, ok := db.dialect.(sqliteDialect); ok {
		if folding, err = d.checkpoints(db.transcript, &db.o); err != nil {
			return nil, errors.Join(err, db.closeDatabases())
		}
	}

	db.ctx, db.stop = context.WithCancel(context.WithoutCancel(ctx))
	db.redemptions = newRedemptions(db)
	db.frames = newTranscript(db)
	db.moves = newMoves(db)
	db.background.Go(db.redemptions.run)
	db.background.Go(db.frames.run)
	db.background.Go(db.moves.run)
	db.background.Go(func() { db.pruneLoop(db.ctx) })
	if folding != nil {
		db.background.Go(func() { folding.loop(db.ctx) })
	}
	return db, nil
}

func (o Options) withDefaults() (Options, error) {
	if len(o.SecretKey) != SecretKeySize {
		return o, fmt.Errorf("the secret key has %d bytes; it needs exactly %d", len(o.SecretKey), SecretKeySize)
	}
	if o.Dir == "" && o.Database == "" {
		return o, errors.New("no data directory is set")
	}
	if o.Retention <= 0 {
		o.Retention = DefaultRetention
	}
	if o.SpoolBytes <= 0 {
		o.SpoolBytes = DefaultSpoolBytes
	}
	if o.LogBytes <= 0 {
		o.LogBytes = DefaultLogBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.NewMetrics()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// open opens and migrates the databases, and checks the secret key. No other
// process does the same at that time.
func (db *DB) open(ctx context.Context) error {
	d := db.dialect
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, f := range []struct {
		name string
		to   **database
	}{{mainDatabase, &db.main}, {tokensDatabase, &db.tokens}, {transcriptDatabase, &db.transcript}} {
		if *f.to, err = openDatabase(ctx, d, f.name, db.o.Metrics); err != nil {
			return err
		}
	}
	return db.checkSecretKey(ctx)
}

// Close writes what still waits, for a few seconds at most, and closes the
// databases. Nothing may be called after it; Redeem and Append then refuse.
func (db *DB) Close() error {
	db.ready.mu.Lock()
	db.stop()
	db.ready.mu.Unlock()
	db.redemptions.close()
	db.frames.close()
	db.moves.close()
	db.background.Wait()
	return db.closeDatabases()
}

func (db *DB) closeDatabases() error {
	var errs []error
	for _, d := range []*database{db.main, db.tokens, db.transcript} {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	return errors.Join(errs...)
}

// now is the clock by which what has expired is deleted.
func (db *DB) now(ctx context.Context, d *database) (time.Time, error) {
	if !db.ownClock {
		return db.o.Now(), nil
	}
	var now int64
	_, err := d.read().row(ctx, `SELECT `+d.clock(), nil, &now)
	return fromNanos(now), err
}

// arn returns the ARN of one of our resources.
func (db *DB) arn(kind chat.ResourceType, id string) chat.ARN {
	return chat.ARN{Region: db.o.Region, Account: db.o.Account, Type: kind, ID: id}
}
