// Package store is the durable state in SQL: rooms, logging configurations, tags,
// credentials, token keys and used tokens. It also opens the transcript of what rooms
// delivered.
//
// With SQLite the state is three files, so that a burst of connecting clients, a
// logged room and the API do not delay each other:
//
//	confab.db      what the API stores. Survives a power cut once acknowledged.
//	tokens.db      redemptions of chat tokens. Survives kill -9.
//	transcript.db  delivered frames, see package transcript. Survives kill -9, together
//	               with the journal transcript.frames1 and transcript.frames2.
//
// With PostgreSQL they are tables of one database that several servers share, each
// with its own connections. Package sqldb has the details.
//
// Over all servers, one transaction of the API runs at a time. Redemptions of tokens run
// concurrently, and those that wait share one commit (group commit). Maps are JSON text.
//
// Refusals are *chat.Error. A database failure is Unavailable, with its cause in the
// error chain, for the log.
package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/contentfilter"
	"confab/internal/history"
	"confab/internal/moderation"
	"confab/internal/modlog"
	"confab/internal/poll"
	"confab/internal/sqldb"
	"confab/internal/transcript"
	"confab/internal/webhook"
)

// SecretKeySize is the length of Options.SecretKey in bytes.
const SecretKeySize = 32

//go:embed migrations
var migrations embed.FS

// mainDatabase has what the API stores.
var mainDatabase = sqldb.Spec{
	Name:            "confab",
	Migrations:      migrations,
	Durable:         true,
	PostgresReaders: 8,
	PostgresLock:    2,
	Tables: append([]sqldb.Table{
		{Name: "logging_configurations", Columns: "id, name, create_time, update_time, destination_type, destination_name, state, tags"},
		{Name: "rooms", Columns: "id, name, create_time, update_time, maximum_message_length, maximum_message_rate, handler_uri, handler_fallback, logging_given, tags, modes"},
		{Name: "room_logging", Columns: "room_id, position, logging_configuration_id, update_time"},
		{Name: "credentials", Columns: "access_key_id, name, sealed, expires, policy, create_time, maker"},
		{Name: "token_keys", Columns: "id, create_time, sealed"},
		moderation.BansTable,
		contentfilter.Table,
		modlog.Table,
		{Name: "signers", Columns: "name, algorithm, sealed, rooms, capabilities, create_time"},
	}, webhook.Tables...),
}

// tokensDatabase has the redemptions of chat tokens.
var tokensDatabase = sqldb.Spec{
	Name:            "tokens",
	Migrations:      migrations,
	PostgresReaders: 1,
	PostgresLock:    3,
	Loss:            "chat tokens that were used can then be used once more until they expire",
	Tables:          []sqldb.Table{{Name: "redemptions", Columns: "token_id, expires"}},
}

// Options locate the databases and give the key of their secrets.
type Options struct {
	// Database is the URL of a PostgreSQL database, postgres://…, in libpq's form.
	// sslmode, sslrootcert, application_name, search_path and statement_timeout apply
	// to the connections. Empty is SQLite in Dir.
	Database string
	// Wait is how long Open waits for an unreachable PostgreSQL.
	Wait time.Duration
	// Existing makes Open fail if there is no database, instead of creating one.
	Existing bool
	// Checked is set when Check has just returned the store without an error.
	Checked bool
	// Bulk is for copying: statements of a PostgreSQL database have no time limit.
	Bulk bool
	// Server is set by a server: with SQLite, nothing else with Server or Bulk may have the
	// store open. Frames are then durable in a journal before they are in the database.
	Server bool
	// Dir is the data directory of SQLite. If it does not exist, it is created for
	// its owner only.
	Dir string
	// SecretKey, 32 bytes, seals the secrets in the database. Every node and command
	// needs the key that the database was made with.
	SecretKey []byte
	// Region and Account are those in the ARNs of resources. They are not stored:
	// with other values, the same rooms have other ARNs.
	Region, Account string
	// Retention is how long frames stay in the transcript; 0 is 72 hours.
	Retention time.Duration
	// WebhookRetention is how long events are kept for webhooks; 0 is 24 hours.
	WebhookRetention time.Duration
	// ModerationLogRetention is how long the moderation log keeps events; 0 is 90 days.
	ModerationLogRetention time.Duration
	// SpoolBytes bounds the frames in memory that wait to be written, also while the
	// disk does not work; 0 is 64 MiB.
	SpoolBytes int
	// LogBytes is the approximate limit of SQLite's write-ahead log of the
	// transcript; 0 is 512 MiB. With a lower limit, frames wait more often for the
	// log to restart.
	LogBytes int
	// Log may be nil.
	Log *slog.Logger
	// Metrics may be nil.
	Metrics *Metrics
	// Now is the clock; nil is time.Now. With nil, rows are deleted by age according
	// to the database's clock, because servers' clocks may differ.
	Now func() time.Time
}

// DB is an open store. Its methods are safe for concurrent use.
type DB struct {
	// Bans are the bans of users and addresses. They are closed with the store.
	Bans *moderation.Bans
	// Webhooks are all webhooks. They are closed with the store.
	Webhooks *webhook.Hooks
	// Filters are the content filters. They are closed with the store.
	Filters *contentfilter.Filters
	// Moderation is the moderation log. It is closed with the store.
	Moderation *modlog.Log

	o    Options
	seal *sealer
	page pager

	main       *sqldb.DB
	watch      *poll.Watch // of main
	tokens     *sqldb.DB
	frames     *sqldb.DB // the transcript's database
	history    *history.DB
	transcript *transcript.DB

	redemptions *sqldb.Committer[*redemption]

	ready readiness

	ctx        context.Context // of the background work; ends with Close
	stop       context.CancelFunc
	background sync.WaitGroup
}

// Open opens the store and creates or migrates its databases. Several processes may
// have it open, such as a command beside a running server. With SQLite, only one of
// them should be a server. Its errors describe what to change.
func Open(ctx context.Context, o Options) (*DB, error) {
	clock := o.Now
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	db := &DB{o: o}
	if db.seal, err = newSealer(o.SecretKey); err != nil {
		return nil, err
	}
	if db.page.key, err = subkey(o.SecretKey, "next token"); err != nil {
		return nil, err
	}
	all, err := sqldb.Open(ctx, o.databases(clock), o.specs()...)
	if err != nil {
		return nil, err
	}
	db.main, db.tokens, db.frames = all[0], all[1], all[2]
	if err := db.checkSecretKey(ctx); err != nil {
		return nil, errors.Join(err, sqldb.Close(all...))
	}

	db.ctx, db.stop = context.WithCancel(context.WithoutCancel(ctx))
	db.watch = poll.NewWatch(func(ctx context.Context, query string, columns []any) error {
		_, err := db.main.Read().Row(ctx, query, nil, columns...)
		return err
	})
	db.Webhooks = newHooks(db)
	db.Moderation = modlog.New(db.main, modlog.Options{Retention: o.ModerationLogRetention, Log: o.Log, Metrics: o.Metrics.Moderation, Now: o.Now})
	db.Bans = moderation.New(db.main, clock, o.Log)
	db.Bans.Watch = db.watch
	db.Bans.NewNotes = func() moderation.Notes { return banNotes{db.Webhooks.Notes(), db} }
	db.Filters = contentfilter.New(db.main, o.Now, o.Log, o.Metrics.Filters)
	db.Filters.Watch = db.watch
	db.Filters.Noted = moderationLog{db.Moderation}.filter
	db.history = history.New(db.frames, history.Options{Rooms: retentions{db}, Log: o.Log, Metrics: o.Metrics.History})
	journalDir := ""
	if o.Database == "" && (o.Server || o.Bulk) {
		journalDir = o.Dir
	}
	if db.transcript, err = transcript.New(db.frames, transcript.Options{
		JournalDir: journalDir, Configurations: db, Rooms: db, Region: o.Region, Account: o.Account,
		Webhooks: db.Webhooks, WebhookRetention: o.WebhookRetention,
		Retention: o.Retention, SpoolBytes: o.SpoolBytes, History: db.history, Log: o.Log, Metrics: o.Metrics.Transcript,
	}); err != nil {
		db.stop()
		db.Moderation.Close()
		return nil, errors.Join(err, sqldb.Close(all...))
	}
	db.redemptions = newRedemptions(db)
	db.background.Go(db.redemptions.Run)
	db.background.Go(func() { db.pruneLoop(db.ctx) })
	return db, nil
}

// databases are the options of the store's databases.
func (o *Options) databases(clock func() time.Time) sqldb.Options {
	return sqldb.Options{
		URL: o.Database, Wait: o.Wait, Existing: o.Existing, Checked: o.Checked, Bulk: o.Bulk, Dir: o.Dir,
		Now: clock, Log: o.Log, Metrics: o.Metrics.SQL,
	}
}

func (o *Options) specs() []sqldb.Spec {
	return []sqldb.Spec{mainDatabase, tokensDatabase, transcript.Database(o.LogBytes)}
}

// Transcript is the durable record of what rooms delivered, with their history. It is
// closed with the store.
func (db *DB) Transcript() *transcript.DB { return db.transcript }

// retentions implements history.Rooms.
type retentions struct{ *DB }

// HistoryRetention returns how long the room keeps its frames, by its tag. Extensions
// that are switched off delete nothing, and neither does a value of a later release.
func (r retentions) HistoryRetention(ctx context.Context, roomID string) (time.Duration, error) {
	room, err := r.Room(ctx, roomID)
	if err != nil {
		return 0, err
	}
	if err := chat.CheckExtensionTag(historyTag, room.Tags[historyTag]); err != nil && room.Tags[historyTag] != "" {
		return 0, err
	}
	extensions, _ := chat.ExtensionsOf(room.Tags)
	return extensions.History, nil
}

const historyTag = chat.ExtensionTag + "history"

func (o Options) withDefaults() (Options, error) {
	if len(o.SecretKey) != SecretKeySize {
		return o, fmt.Errorf("the secret key has %d bytes; it needs exactly %d", len(o.SecretKey), SecretKeySize)
	}
	if o.Dir == "" && o.Database == "" {
		return o, errors.New("no data directory is set")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil, chatlog.NewMetrics(nil))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// ErrNoDatabase is what Open returns with Options.Existing.
var ErrNoDatabase = sqldb.ErrNoDatabase

// Created reports whether Open created the database.
func (db *DB) Created() bool { return db.main.Created() }

// Place is the location of the database, in readable form.
func (db *DB) Place() string { return db.main.Place() }

// FindSQLite returns the path of a database in the data directory, "" if there is
// none.
func FindSQLite(dir string) string {
	for _, name := range []string{mainDatabase.Name, tokensDatabase.Name, transcript.Database(0).Name} {
		path := sqldb.SQLitePath(dir, name)
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}

// Close writes the waiting data, for a few seconds at most, and closes the databases.
// No method must be called after it; Redeem and Append then fail.
func (db *DB) Close() error {
	db.ready.mu.Lock()
	db.stop()
	db.ready.mu.Unlock()
	db.Bans.Close()
	db.Webhooks.Close()
	db.Filters.Close()
	db.Moderation.Close()
	db.redemptions.Close()
	db.transcript.Close()
	db.history.Close()
	db.background.Wait()
	return sqldb.Close(db.main, db.tokens, db.frames)
}

// Copied is how many rows of a table were copied.
type Copied = sqldb.Copied

// Copy copies one store, with its transcript, into another one that is empty. Ids,
// times, positions and secrets stay the same, so both need the same secret key. No
// server may use either store meanwhile; with PostgreSQL none can. Both stores are
// opened with Options.Bulk. See sqldb.Copy.
func Copy(ctx context.Context, from, to *DB) ([]Copied, error) {
	if err := from.transcript.Flush(ctx); err != nil { // The journal of a server that was killed.
		return nil, err
	}
	return sqldb.Copy(ctx, []*sqldb.DB{from.tokens, from.frames, from.main}, []*sqldb.DB{to.tokens, to.frames, to.main})
}

// arn returns the ARN of a resource of this account.
func (db *DB) arn(kind chat.ResourceType, id string) chat.ARN {
	return chat.ARN{Region: db.o.Region, Account: db.o.Account, Type: kind, ID: id}
}
