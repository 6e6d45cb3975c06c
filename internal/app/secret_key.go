package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"confab/internal/config"
	"confab/internal/sqldb"
	"confab/internal/store"
)

// keyFile is the secret key in the data directory.
const keyFile = "secret.key"

// secretKey returns the key that seals the secrets in the database: the configured
// one, or that of the data directory. That one is made if the directory has no
// database yet. Servers that share a PostgreSQL database must be given their key:
// each would make another one.
//
// A configured key file that other users can read is refused. The mode of the data
// directory's own key is corrected instead, with a warning.
func secretKey(ctx context.Context, c *config.Config, log *slog.Logger) ([]byte, error) {
	key, err := c.Key()
	if key != nil || err != nil {
		return key, err
	}
	if sqldb.IsPostgres(c.Database) {
		return nil, c.Refuse("secret-key-file", "", "must name a file with the key that all servers on this PostgreSQL database share, or set CONFAB_SECRET_KEY; openssl rand -base64 32 makes one")
	}
	name := filepath.Join(c.DataDir, keyFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if database := store.FindSQLite(c.DataDir); database != "" {
			return nil, fmt.Errorf("the secret key of %s is missing; put it back as %s, or name it with --secret-key-file", database, name)
		}
		if err := makeKey(c.DataDir, name); err != nil {
			return nil, fmt.Errorf("cannot make the secret key %s: %w; choose a directory that can be written with --data-dir", name, err)
		}
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the secret key: %w", err)
	}
	if config.ReadableByOthers(name) {
		if err := os.Chmod(name, 0o600); err != nil {
			return nil, fmt.Errorf("the secret key %s can be read by every user of this machine: %w; run chmod 600 on it", name, err)
		}
		log.LogAttrs(ctx, slog.LevelWarn, "Secret key was readable by every user of this machine, now by its owner only", slog.String("file", name))
	}
	if key, err = config.DecodeKey(string(config.PlainText(text))); err != nil {
		return nil, fmt.Errorf("the secret key %s %w", name, err)
	}
	return key, nil
}

// makeKey writes a new key. Another process cannot see a part of it: the file is
// complete and synced before it gets its name. If two processes do this at once, the
// first one's key stays.
func makeKey(dir, name string) error {
	f, err := os.CreateTemp(dir, keyFile+".*") // Mode 0600.
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var key [config.KeySize]byte
	rand.Read(key[:]) // It never fails; it crashes the program instead.
	if _, err := f.WriteString(base64.StdEncoding.EncodeToString(key[:]) + "\n"); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
