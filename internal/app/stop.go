package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// finishTime is how long API calls that are under way may take when the server
// stops; finishAlone when clients wait for the next process meanwhile.
const (
	finishTime  = 10 * time.Second
	finishAlone = 2 * time.Second
)

// flushTime is how long chat logs may take to reach their destinations while
// clients are still served, here or by other nodes. flushAlone is for the rest,
// while clients wait for the next process. What is left is delivered after the
// next start.
const (
	flushTime  = 10 * time.Second
	flushAlone = 500 * time.Millisecond
)

// noticeTime is how long load balancers have at most, and noticeShare which part
// of the drain time, to notice that a node of a cluster is not ready any more.
const (
	noticeTime  = time.Second
	noticeShare = 10
)

// stop ends the server in order. Clients of a node that has others are moved to
// them over the drain time. A node on its own has nobody to drain to: it does
// what takes long while it still serves, then ends all sessions at once and makes
// way for the next process.
//
// In a hand-over the next process waits already, with the ports open. Chat logs
// are left to it.
func (s *Server) stop(handOver bool) error {
	ctx := s.hurry
	s.stopping.Store(true)
	finish, flush := finishAlone, flushAlone
	if s.hasOthers() {
		s.log.LogAttrs(ctx, slog.LevelInfo, "Stopping", slog.String("drain_time", s.cfg.DrainTime.String()))
		finish, flush = finishTime, flushTime
		s.draining.Store(true)
		notice := s.awaitNotice(ctx)
		// API clients that keep a connection for their next call use another node for it.
		s.main.SetKeepAlivesEnabled(false)
		s.leaveHomes(ctx)
		s.endpoint.Drain(ctx, s.cfg.DrainTime-notice)
	} else {
		s.log.LogAttrs(ctx, slog.LevelInfo, "Stopping", slog.Bool("listener_held", s.listeners.Held))
		if !handOver {
			s.flushLogs(ctx)
		}
		// From now on clients wait in the backlog of a held socket. Without one the port
		// stays open until the sessions have ended: a refused client does not come back.
		if s.listeners.Held || handOver {
			s.stopAccepting()
		}
		s.main.SetKeepAlivesEnabled(false)
		s.endpoint.Drain(ctx, 0)
	}
	s.finishCalls(ctx, finish)
	if handOver {
		flush = 0
	}
	err := s.close(flush)
	s.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "Stopped")
	return err
}

// close stops the parts that there are: first those that clients use, then what
// they use themselves. Chat logs get the time flush.
func (s *Server) close(flush time.Duration) error {
	var errs []error
	if s.reloads != nil {
		s.reloads.close()
	}
	if s.endpoint != nil {
		s.endpoint.Close(s.hurry)
	}
	if s.engine != nil {
		s.engine.Close()
	}
	if s.node != nil {
		s.node.Close()
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.reviewer != nil {
		s.reviewer.Close()
	}
	if s.logs != nil {
		ctx, cancel := context.WithTimeout(s.hurry, flush)
		s.logs.Close(ctx)
		cancel()
	}
	if s.ring != nil {
		s.ring.Close()
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.unlock != nil {
		errs = append(errs, s.unlock())
	}
	if s.listeners != nil {
		errs = append(errs, s.listeners.Close())
	}
	s.now()
	return errors.Join(errs...)
}

// awaitNotice continues to serve for a moment, in which load balancers notice
// /readyz, and returns how long that is: clients that they still send here are
// accepted and moved with the others. A handshake during the drain is held for
// seconds instead.
func (s *Server) awaitNotice(ctx context.Context) time.Duration {
	notice := min(noticeTime, s.cfg.DrainTime/noticeShare)
	timer := time.NewTimer(notice)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return notice
}

// flushLogs delivers chat logs while clients are served.
func (s *Server) flushLogs(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	s.logs.Flush(ctx)
}

// stopAccepting leaves new connections to the next process.
func (s *Server) stopAccepting() {
	if s.handshakes != nil {
		s.handshakes.StopAccepting()
		return
	}
	s.listeners.Main.Close()
}

// finishCalls closes the ports once the calls that are under way have ended, or
// the time within is over.
func (s *Server) finishCalls(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if s.handshakes != nil {
		s.handshakes.Drain(ctx)
	}
	for _, h := range []*http.Server{s.main, s.admin} {
		if h != nil && h.Shutdown(ctx) != nil {
			h.Close()
		}
	}
}
