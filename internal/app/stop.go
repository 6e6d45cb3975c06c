package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"confab/internal/front"
)

// finishTime is how long pending API calls may take when the server stops.
// finishAlone is used if clients wait for the next process meanwhile.
const (
	finishTime  = 10 * time.Second
	finishAlone = 2 * time.Second
)

// flushTime is how long the delivery of chat logs and webhooks may take while this node or
// others still serve clients. flushAlone is for the rest, while clients wait for the next
// process. Undelivered records are delivered after the next start.
const (
	flushTime  = 10 * time.Second
	flushAlone = 500 * time.Millisecond
)

// noticeTime is how long load balancers have at most to notice that a node of a
// cluster is not ready. It is never more than 1/noticeShare of the drain time.
const (
	noticeTime  = time.Second
	noticeShare = 10
)

// stop shuts the server down in order. In a cluster it moves the clients to other
// nodes over the drain time. A single node cannot move its clients: it does the slow
// work while it still serves, then ends all sessions at once, and the next process
// takes over.
//
// In a hand-over the next process is at the other end of the link, with the ports open.
// It accepts the connections that come meanwhile, and delivers the remaining chat logs.
func (s *Server) stop(next *link) error {
	ctx, handOver := s.grace, next != nil
	s.stopping.Store(true)
	if !handOver {
		notifyManager(notifyStopping)
	}
	finish, flush := finishAlone, flushAlone
	if s.hasOthers() {
		s.log.LogAttrs(ctx, slog.LevelInfo, "Stopping", slog.String("drain_time", s.cfg.DrainTime.String()))
		finish, flush = finishTime, flushTime
		s.draining.Store(true)
		notice := s.awaitNotice(ctx)
		// API clients with a keep-alive connection use another node for their next
		// call.
		s.main.SetKeepAlivesEnabled(false)
		s.leaveHomes(ctx)
		s.endpoint.Drain(ctx, s.cfg.DrainTime-notice)
	} else {
		s.log.LogAttrs(ctx, slog.LevelInfo, "Stopping", slog.Bool("listener_held", s.listeners.Held))
		if !handOver {
			s.deliver(ctx)
		}
		// From now on clients wait in the backlog of an inherited socket. Without one
		// the port stays open until the sessions have ended: a refused client does
		// not retry.
		if s.listeners.Held || handOver {
			s.stopAccepting()
		}
		if handOver {
			next.tell(lineAccept)
		}
		s.main.SetKeepAlivesEnabled(false)
		s.endpoint.Drain(ctx, 0)
	}
	s.finishCalls(ctx, finish)
	if handOver {
		flush = 0
	}
	err := s.release(flush)
	if handOver {
		next.tell(lineTake)
	}
	s.endpoint.Linger(ctx)
	err = errors.Join(err, s.hangUp())
	s.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "Stopped")
	return err
}

// close stops the existing parts.
func (s *Server) close(flush time.Duration) error {
	return errors.Join(s.release(flush), s.hangUp())
}

// release stops the parts behind the sockets: first those that clients use, then their
// dependencies. Another server can then use the data. flush is the time limit for
// the delivery of chat logs and webhooks.
func (s *Server) release(flush time.Duration) error {
	var errs []error
	if s.reloads != nil {
		s.reloads.close()
	}
	if s.endpoint != nil {
		s.endpoint.Finish(s.grace)
	}
	if s.peers.Places != nil {
		s.peers.Flush(s.grace)
		s.peers.Places.Close()
	}
	if s.engine != nil {
		s.engine.Close()
	}
	if s.peers.CatchUp != nil {
		errs = append(errs, s.peers.CatchUp.Save())
	}
	if s.peers.Presence != nil {
		s.peers.Presence.Close()
	}
	s.peers.Attendance.Close()
	if s.node != nil {
		s.node.Close()
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.reviewer != nil {
		s.reviewer.Close()
	}
	ctx, cancel := context.WithTimeout(s.grace, flush)
	s.delivery.Close(ctx)
	cancel()
	if s.ring != nil {
		s.ring.Close()
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	s.pidFile.close()
	if s.unlock != nil {
		errs = append(errs, s.unlock())
	}
	return errors.Join(errs...)
}

// hangUp closes the sockets that are left.
func (s *Server) hangUp() error {
	var err error
	if s.endpoint != nil {
		s.endpoint.Close(s.grace)
	}
	if s.listeners != nil {
		err = s.listeners.Close()
	}
	s.endGrace()
	return err
}

// awaitNotice continues to serve for a moment, so that load balancers notice /readyz,
// and returns how long that was. Clients that still arrive are accepted and moved
// with the others. A handshake during the drain is delayed for seconds instead.
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

// deliver delivers chat logs and webhooks while clients are still served.
func (s *Server) deliver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	s.delivery.Flush(ctx)
}

// stopAccepting leaves new connections to the next process.
func (s *Server) stopAccepting() {
	if s.handshakes != nil {
		s.handshakes.StopAccepting()
		return
	}
	s.listeners.Main.Close()
}

// finishCalls closes the ports once the pending calls have ended, or after the time
// within.
func (s *Server) finishCalls(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if s.handshakes != nil {
		s.handshakes.Drain(ctx)
	}
	for _, h := range []*front.HTTPServer{s.main, s.admin} {
		if h != nil && h.Shutdown(ctx) != nil {
			h.Close()
		}
	}
}
