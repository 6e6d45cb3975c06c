package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"confab/internal/config"
	"confab/internal/front"
	"confab/internal/sqldb"
	"confab/internal/store"
)

// makeDataDir makes the data directory, for its owner only. It refuses a directory in
// which every user of the machine may create files.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the data directory: %w; choose another with --data-dir", err)
	}
	if config.WritableByOthers(dir) {
		return fmt.Errorf("every user of this machine can write in the data directory %q; run chmod o-w %q, or choose a directory below it with --data-dir", dir, dir)
	}
	return nil
}

// CheckDataDir refuses a data directory without a database, for commands that must
// not create one. A PostgreSQL database needs no directory.
func CheckDataDir(cfg *config.Config) error {
	if sqldb.IsPostgres(cfg.Database) || store.FindSQLite(cfg.DataDir) != "" {
		return nil
	}
	return cfg.Refuse("data-dir", cfg.DataDir, "there is no database of Confab in this directory; name the server's with --data-dir, or its PostgreSQL with --database")
}

// profiles reports whether the admin port shows profiles.
func (s *Server) profiles() bool {
	if s.listeners.Admin == nil {
		return false
	}
	if s.cfg.Pprof == config.PprofAuto {
		return front.Loopback(s.listeners.Admin)
	}
	return s.cfg.Pprof == "true"
}

// warnOpen logs what other users or machines can reach but should not.
func (s *Server) warnOpen(ctx context.Context) {
	for _, f := range []struct{ setting, name string }{
		{"tls-key", s.cfg.TLSKey},
		{"cluster-tls-key", s.cfg.ClusterTLSKey},
		{"nats-credentials", s.cfg.NATSCredentials},
	} {
		if f.name != "" && config.ReadableByOthers(f.name) {
			s.log.LogAttrs(ctx, slog.LevelWarn, "Secret file can be read by every user of this machine; run chmod 600 on it",
				slog.String("setting", f.setting), slog.String("file", f.name))
		}
	}
	if s.cfg.PasswordInFile() && config.ReadableByOthers(s.cfg.Config) {
		s.log.LogAttrs(ctx, slog.LevelWarn, "Configuration file with a password can be read by every user of this machine; run chmod 600 on it",
			slog.String("file", s.cfg.Config))
	}
	if s.listeners.Admin != nil && !front.Loopback(s.listeners.Admin) {
		s.log.LogAttrs(ctx, slog.LevelWarn, "Admin listener has no authentication and can be reached from other machines; see --admin-listen",
			slog.String("address", s.listeners.Admin.Addr().String()), slog.Bool("pprof", s.profiles()))
	}
}
