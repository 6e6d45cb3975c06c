package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"confab/internal/chattoken"
	"confab/internal/config"
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
	o := store.Options{Region: cfg.Region, Account: cfg.AccountID, Retention: cfg.LogRetention, Log: log, Metrics: metrics}
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

// check checks the secret key and the database while another server uses it.
func (s *Server) check(ctx context.Context) error {
	if s.checked != nil {
		return nil
	}
	o, err := storeOptions(ctx, s.cfg, s.log, s.metrics.Store)
	if err != nil {
		return err
	}
	s.checked, err = store.Check(ctx, o)
	return err
}

// openStore opens the database and the keys of chat tokens, unless they are open.
func (s *Server) openStore(ctx context.Context) error {
	if s.ring != nil {
		return nil
	}
	o, err := storeOptions(ctx, s.cfg, s.log, s.metrics.Store)
	if err != nil {
		return err
	}
	o.Checked = s.checked != nil
	if s.db, err = store.Open(ctx, o); err != nil {
		return err
	}
	if err := s.closeChecked(); err != nil {
		return err
	}
	if s.db.Created() {
		s.log.LogAttrs(ctx, slog.LevelInfo, "Database created", slog.String("database", s.db.Place()))
	}
	s.ring, err = NewRing(ctx, s.cfg, s.db, s.log)
	return err
}

// closeChecked releases what check has opened.
func (s *Server) closeChecked() error {
	if s.checked == nil {
		return nil
	}
	err := s.checked.Close()
	s.checked = nil
	return err
}

// NewRing makes the key ring of chat tokens. It must be closed after use.
func NewRing(ctx context.Context, cfg *config.Config, db *store.DB, log *slog.Logger) (*chattoken.Ring, error) {
	return chattoken.NewRing(ctx, db, chattoken.Options{Region: cfg.Region, Account: cfg.AccountID, Log: log})
}
