package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"confab/internal/config"
	"confab/internal/sqldb"
	"confab/internal/websocket"
)

// finishTime is how long API calls that are under way may take when the server
// stops.
const finishTime = 10 * time.Second

// flushTime is how long chat logs that are under way may take to reach their
// destinations when the server stops; what is left is delivered after the next
// start.
const flushTime = 10 * time.Second

// noticeTime is how long load balancers have at most, and noticeShare which part
// of the drain time, to notice that a node of a cluster is not ready any more.
const (
	noticeTime  = time.Second
	noticeShare = 10
)

// Run serves until ctx ends, then stops in good order and returns nil. It
// returns an error when a port fails or the store cannot be closed.
//
// The order of a stop: /readyz answers 503; a node of a cluster goes on as before
// for a moment, in which load balancers notice; behind a held socket nobody is
// accepted any more, so that new clients wait in its backlog for the next
// process, and otherwise the port stays open for API calls; other nodes take over
// as homes; the sessions end one by one over the drain time; calls that are under
// way finish; the node leaves the cluster; chat logs go to their destinations; the
// store closes.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	if s.handshakes != nil {
		s.handshakes.Start()
	}
	go func() { failed <- s.serve(s.main, s.listeners.Main, s.cert != nil) }()
	if s.admin != nil {
		go func() { failed <- s.serve(s.admin, s.listeners.Admin, false) }()
	}
	s.logStart(ctx)
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed:
	}
	return errors.Join(cause, s.stop())
}

// StopNow makes a stop that is under way, or that comes, not wait for anybody.
func (s *Server) StopNow() { s.now() }

// serve serves one port. That the port closes during a stop is no error.
func (s *Server) serve(h *http.Server, ln net.Listener, useTLS bool) error {
	if useTLS {
		ln = websocket.NewTLSListener(ln, s.cert.config())
	}
	err := h.Serve(ln)
	if s.draining.Load() {
		return nil
	}
	return err
}

func (s *Server) stop() error {
	ctx := s.hurry
	s.draining.Store(true)
	s.log.LogAttrs(ctx, slog.LevelInfo, "Stopping", slog.String("drain_time", s.cfg.DrainTime.String()), slog.Bool("listener_held", s.listeners.Held))
	// Whom a load balancer still sends here is let in and moved with the others: a
	// handshake that finds the node draining is held for seconds instead.
	notice := noticeFor(s.cfg, s.listeners.Held)
	if notice > 0 {
		unnoticed := time.NewTimer(notice)
		defer unnoticed.Stop()
		select {
		case <-unnoticed.C:
		case <-ctx.Done():
		}
	}
	switch {
	case s.listeners.Held && s.handshakes != nil:
		s.handshakes.StopAccepting()
	case s.listeners.Held:
		s.listeners.Main.Close()
	}
	// Clients that keep a connection for their next call go elsewhere for it.
	s.main.SetKeepAlivesEnabled(false)
	s.leaveHomes(ctx)
	s.endpoint.Drain(ctx, s.cfg.DrainTime-notice)

	finish, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	if s.handshakes != nil {
		s.handshakes.Drain(finish)
	}
	for _, h := range []*http.Server{s.main, s.admin} {
		if h != nil && h.Shutdown(finish) != nil {
			h.Close()
		}
	}
	err := s.close()
	s.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "Stopped")
	return err
}

// noticeFor is how long a node that stops goes on as before, out of its drain
// time. Without other nodes there is nobody to go to, and behind a held socket
// clients wait for the next process.
func noticeFor(cfg *config.Config, held bool) time.Duration {
	if held || !cfg.Clustered() {
		return 0
	}
	return min(noticeTime, cfg.DrainTime/noticeShare)
}

// logStart says where the server is and how much it can hold.
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
		slog.Int("max_connections", maxConnections(s.cfg, files)))...)
	if files < max(fewFiles, uint64(s.cfg.MaxConnections)) {
		s.log.LogAttrs(ctx, slog.LevelWarn, "This process may hold few connections; raise its limit of open files (LimitNOFILE=, ulimit -n)",
			slog.Uint64("open_files", files))
	}
}
