package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"confab/internal/config"
	"confab/internal/sqldb"
	"confab/internal/store"
)

// place is one side of a copy: a database URL or sqlite:DIR.
type place struct {
	url string // of PostgreSQL; empty for SQLite
	dir string
}

func parsePlace(flag, s string) (place, error) {
	if sqldb.IsPostgres(s) {
		return place{url: s}, nil
	}
	if dir, ok := strings.CutPrefix(s, "sqlite:"); ok && dir != "" {
		return place{dir: filepath.Clean(dir)}, nil
	}
	return place{}, &config.Error{Place: flag, Value: config.HidePassword(s), Problem: "must be sqlite:DIR, with the data directory, or postgres://…"}
}

// CopyDatabase copies the database from into to, each sqlite:DIR or postgres://…,
// with the secret key of the configuration, or of the copied SQLite directory. It
// refuses a directory on which a server runs.
func CopyDatabase(ctx context.Context, cfg *config.Config, from, to string, log *slog.Logger) ([]store.Copied, error) {
	source, err := parsePlace("--from", from)
	if err != nil {
		return nil, err
	}
	target, err := parsePlace("--to", to)
	if err != nil {
		return nil, err
	}
	if source == target {
		return nil, &config.Error{Place: "--to", Value: config.HidePassword(to), Problem: "must be another database than --from"}
	}
	if source.dir != "" {
		if _, err := os.Stat(filepath.Join(source.dir, "confab.db")); errors.Is(err, fs.ErrNotExist) {
			return nil, &config.Error{Place: "--from", Value: from, Problem: "there is no database of Confab in this directory"}
		}
	}
	for _, p := range []place{source, target} {
		if p.dir != "" {
			unlock, err := lockDataDir(ctx, p.dir, nil, log)
			if err != nil {
				return nil, err
			}
			defer unlock() //nolint:errcheck // The lock ends with its file.
		}
	}
	// The secrets of the directory are sealed with its own key.
	keyed := *cfg
	keyed.Database, keyed.DataDir = source.url, source.dir
	key, err := secretKey(ctx, &keyed, log)
	if err != nil {
		return nil, err
	}
	db := make([]*store.DB, 2)
	for i, p := range []place{source, target} {
		if db[i], err = store.Open(ctx, store.Options{
			Database: p.url, Dir: p.dir, Existing: i == 0, Bulk: true, Wait: postgresWait, SecretKey: key,
			Region: cfg.Region, Account: cfg.AccountID, Retention: cfg.LogRetention, Log: log,
		}); err != nil {
			return nil, err
		}
		defer db[i].Close()
	}
	copied, err := store.Copy(ctx, db[0], db[1])
	if err != nil {
		return nil, fmt.Errorf("cannot copy the database: %w", err)
	}
	return copied, nil
}
