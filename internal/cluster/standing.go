package cluster

import (
	"context"
	"log/slog"
	"time"
)

// standing is whether the other nodes cooperate with this one.
type standing struct {
	ctx          context.Context // ends when the node is excluded
	end          context.CancelFunc
	leftOutSince time.Time // zero while the node is not left out
	excluded     bool
	refused      error // why no other node lets this one join
}

// include records that the node is not left out.
func (s *standing) include(ctx context.Context) {
	s.leftOutSince = time.Time{}
	if s.excluded || s.ctx == nil {
		s.excluded = false
		s.ctx, s.end = context.WithCancel(ctx)
	}
}

// leave records that the node is left out. It reports whether this has lasted for the
// limit, so that the node is excluded from now on.
func (s *standing) leave(now time.Time, limit time.Duration) (excluded bool) {
	switch {
	case s.leftOutSince.IsZero():
		s.leftOutSince = now
	case now.Sub(s.leftOutSince) > limit && !s.excluded:
		s.excluded = true
		s.end()
		return true
	}
	return false
}

// checkStandingLocked notices two states. The node is excluded if other nodes have later views
// without it, or do not unite with it although they and it see each other. The node is refused
// if it sees no peer because the others reject it, for example for a wrong secret. A refused
// node would serve alone beside a healthy cluster on the same database, so it accepts no new
// clients. A node that sees peers is not refused, whatever else rejects it.
func (n *Node) checkStandingLocked(now time.Time) {
	s := &n.standing
	if out, limit := n.members.LeftOut(&n.view.View); !out {
		s.include(n.ctx)
	} else if s.leave(now, limit) {
		n.log.LogAttrs(n.ctx, slog.LevelError, "Excluded from the cluster by the other nodes; sessions end, and clients connect to other nodes")
		if n.o.Excluded != nil {
			n.working.Go(n.o.Excluded)
		}
	}
	if n.o.Refused == nil {
		return
	}
	before := s.refused
	s.refused = nil
	// Before that time no node serves alone, and peers may still join.
	if alone, met := n.members.Alone(now); alone {
		s.refused = n.o.Refused(met)
	}
	switch {
	case s.refused != nil && before == nil:
		n.log.LogAttrs(n.ctx, slog.LevelError, "Not ready: the other nodes reject this node", slog.Any("error", s.refused))
	case s.refused == nil && before != nil:
		n.log.LogAttrs(n.ctx, slog.LevelInfo, "No longer rejected by the other nodes", slog.Int("peers", len(n.members.Seen())))
	default:
		return
	}
	n.signalLocked()
}
