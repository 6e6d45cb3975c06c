package app

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"confab/internal/config"
	"confab/internal/front"
	"confab/internal/sqldb"
	"confab/internal/transport"
)

// Run serves until ctx ends, or until a successor serves. It then shuts down
// gracefully and returns nil. It returns an error when a port fails or the store
// cannot be closed, and a *TakeBackError when a successor failed after Run had
// stopped.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	s.accept()
	go func() { failed <- s.serve(s.main, s.listeners.Main, s.cert != nil) }()
	if s.admin != nil {
		go func() { failed <- s.serve(s.admin, s.listeners.Admin, false) }()
	}
	s.logStart(ctx)
	if err := s.pidFile.publish(); err != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "The PID file was not written", slog.Any("error", err))
	}
	if s.predecessor == nil {
		notifyManager(notifyReady)
	} // Else the predecessor does it: it is the process that the manager knows.
	s.predecessor.tell(lineServing)
	warnPolicies(ctx, s.cfg, s.db, s.log) // Now, so that clients do not wait for it.
	for {
		select {
		case <-ctx.Done():
			return s.stop(nil)
		case cause := <-failed:
			return errors.Join(cause, s.stop(nil))
		case <-s.handOvers:
			if stopped, err := s.handOver(ctx); stopped {
				return err
			}
		}
	}
}

// StopNow makes the stop that is in progress, or the next one, end without waiting for
// clients and API calls.
func (s *Server) StopNow() { s.endGrace() }

// serve serves one port. A port that closes during a stop is not an error.
func (s *Server) serve(h *front.HTTPServer, ln net.Listener, useTLS bool) error {
	if useTLS {
		ln = transport.NewTLSListener(ln, s.cert.config())
	}
	err := h.Serve(ln)
	if s.stopping.Load() {
		return nil
	}
	return err
}

// logStart logs the server's addresses and limits.
func (s *Server) logStart(ctx context.Context) {
	attrs := []slog.Attr{
		slog.String("address", s.Address().String()),
		slog.Bool("tls", s.cert != nil),
		slog.String("region", s.cfg.Region),
		slog.String("account", s.cfg.AccountID),
	}
	if sqldb.IsPostgres(s.cfg.Database) {
		attrs = append(attrs, slog.String("database", config.HidePassword(s.cfg.Database)))
	} else {
		attrs = append(attrs, slog.String("data_dir", s.cfg.DataDir))
	}
	if s.admin != nil {
		attrs = append(attrs, slog.String("admin_address", s.listeners.Admin.Addr().String()))
	}
	attrs = s.logCluster(attrs)
	s.warnOpen(ctx)
	files := openFiles()
	s.log.LogAttrs(ctx, slog.LevelInfo, "Serving", append(attrs, slog.Uint64("open_files", files),
		slog.Int("max_connections", maxConnections(s.cfg, files)), slog.String("writes", s.endpoint.Writes()))...)
	s.listeners.WarnLimits(ctx, s.log, files, s.cfg.MaxConnections)
}
