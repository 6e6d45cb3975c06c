package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"confab/internal/chattoken"
	"confab/internal/config"
	"confab/internal/poll"
	"confab/internal/sqldb"
	"confab/internal/store"
)

// postgresWait is how long a server waits for a PostgreSQL that is not ready yet.
const postgresWait = 30 * time.Second

// OpenStore opens the database; commands open it beside a running server. With
// existing, the database must exist. metrics may be nil.
func OpenStore(ctx context.Context, cfg *config.Config, existing bool, log *slog.Logger, metrics *store.Metrics) (*store.DB, error) {
	if existing && !sqldb.IsPostgres(cfg.Database) {
		if err := CheckDataDir(cfg); err != nil {
			return nil, err
		}
	}
	o, err := storeOptions(ctx, cfg, log, metrics)
	if err != nil {
		return nil, err
	}
	o.Existing = existing
	db, err := store.Open(ctx, o)
	if errors.Is(err, store.ErrNoDatabase) {
		return nil, fmt.Errorf("%w; name the right one with --database, or make it with confab database migrate", err)
	}
	return db, err
}

// storeOptions makes the data directory and finds the secret key.
func storeOptions(ctx context.Context, cfg *config.Config, log *slog.Logger, metrics *store.Metrics) (store.Options, error) {
	o := store.Options{Region: cfg.Region, Account: cfg.AccountID, Retention: cfg.LogRetention, WebhookRetention: cfg.WebhookRetention, ModerationLogRetention: cfg.ModerationLogRetention, Log: log, Metrics: metrics}
	if sqldb.IsPostgres(cfg.Database) {
		o.Database, o.Wait = cfg.Database, postgresWait
	} else {
		o.Dir = cfg.DataDir
		if err := makeDataDir(cfg.DataDir); err != nil {
			return o, err
		}
	}
	var err error
	o.SecretKey, err = secretKey(ctx, cfg, log)
	return o, err
}

// opening opens the store of a server, in steps: what can be done while another server
// uses it comes first.
type opening struct {
	cfg     *config.Config
	log     *slog.Logger
	metrics *store.Metrics

	checked *store.Checked // nil before check and after open
	db      *store.DB
	ring    *chattoken.Ring
}

// check checks the secret key and the database. Another server may use it.
func (o *opening) check(ctx context.Context) error {
	if o.checked != nil {
		return nil
	}
	options, err := storeOptions(ctx, o.cfg, o.log, o.metrics)
	if err != nil {
		return err
	}
	o.checked, err = store.Check(ctx, options)
	return err
}

// open opens the database and the keys of chat tokens, unless they are open. The caller
// closes them, also after an error.
func (o *opening) open(ctx context.Context) (*store.DB, *chattoken.Ring, error) {
	if o.ring != nil {
		return o.db, o.ring, nil
	}
	options, err := storeOptions(ctx, o.cfg, o.log, o.metrics)
	if err != nil {
		return nil, nil, err
	}
	options.Checked, options.Server = o.checked != nil, true
	if o.db, err = store.Open(ctx, options); err != nil {
		return nil, nil, err
	}
	if err := o.close(); err != nil {
		return o.db, nil, err
	}
	if o.db.Created() {
		o.log.LogAttrs(ctx, slog.LevelInfo, "Database created", slog.String("database", strings.Trim(o.db.Place(), `"`)))
	}
	if err := checkExtensionsOff(ctx, o.cfg, o.db); err != nil {
		return o.db, nil, err
	}
	o.ring, err = NewRing(ctx, o.cfg, o.db, o.log)
	return o.db, o.ring, err
}

// close releases what check has opened.
func (o *opening) close() error {
	if o.checked == nil {
		return nil
	}
	err := o.checked.Close()
	o.checked = nil
	return err
}

// NewRing makes the key ring of chat tokens. It must be closed after use.
func NewRing(ctx context.Context, cfg *config.Config, db *store.DB, log *slog.Logger) (*chattoken.Ring, error) {
	o := chattoken.Options{Region: cfg.Region, Account: cfg.AccountID, Log: log}
	if cfg.Extensions == config.ExtensionsOn {
		o.Signers = store.NewSigners(db)
	}
	if sqldb.IsPostgres(cfg.Database) { // Other servers change it.
		o.Follow = func(ctx context.Context, c *poll.Changes) { store.FollowTokens(ctx, db, c) }
	}
	return chattoken.NewRing(ctx, db, o)
}

// checkExtensionsOff refuses to start without extensions while there are bans (banned users
// could join), webhooks (their endpoints would miss events) or signers (clients that their
// applications admit could not connect).
func checkExtensionsOff(ctx context.Context, cfg *config.Config, db *store.DB) error {
	if cfg.Extensions != config.ExtensionsOff {
		return nil
	}
	if banned, err := db.Bans.Exist(ctx); err != nil {
		return err
	} else if banned {
		return cfg.Refuse("extensions", cfg.Extensions, "must not be off while there are bans; lift them, or choose off=force")
	}
	if hooks, err := db.Webhooks.Exist(ctx); err != nil {
		return err
	} else if hooks {
		return cfg.Refuse("extensions", cfg.Extensions, "must not be off while there are webhooks; delete them, or choose off=force")
	}
	if signers, err := store.NewSigners(db).Signers(ctx); err != nil || len(signers) == 0 {
		return err
	}
	return cfg.Refuse("extensions", cfg.Extensions,
		"must not be off while there are signers; list them with confab keys list-signers and delete them, or choose off=force")
}
