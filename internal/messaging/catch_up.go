package messaging

import (
	"context"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/members"
)

// pingIntervals returns how often the connections of a room are pinged: normally, and after
// a mark. While there is nothing to confirm, a client that is gone misses nothing, so the
// normal interval is enough.
func pingIntervals(x *chat.Extensions) (interval, behindMark time.Duration) {
	if x.Presence == chat.PresenceCount || x.Presence == chat.PresenceFull {
		interval = 15 * time.Second
	}
	if x.CatchUp > 0 {
		behindMark = 5 * time.Second
	}
	return interval, behindMark
}

// keepLog makes or removes the room's log for clients that come back. The caller holds r.loading.
func (r *room) keepLog(e *Engine, x *chat.Extensions) {
	if !e.o.Extensions {
		return
	}
	if e.o.CatchUp.Memory == nil {
		x.CatchUp = 0
	}
	interval, behindMark := pingIntervals(x)
	r.kept.KeepLog(e.o.CatchUp.Memory, x.CatchUp, interval, behindMark, func(log *catchup.Log) {
		if at := e.lastDelivered(r); at.Known { // Later frames are in the log.
			log.Begin(chat.Point{Epoch: at.Epoch, Sequence: at.Sequence})
		}
		e.o.CatchUp.Memory.Continue(r.id, log)
		if e.o.CatchUp.Places != nil {
			e.o.CatchUp.Places.Begin(r.id, log)
		}
	})
}

// elsewhere asks the other nodes how far the session's client has received the room's frames.
func (s *Session) elsewhere(ctx context.Context) *catchup.Elsewhere {
	log := s.room.kept.Log()
	if log == nil || s.engine.o.CatchUp.Places == nil {
		return nil
	}
	return s.engine.o.CatchUp.Places.Find(ctx, s.room.id, s.member.Client(), log)
}

// takePlaceLocked sets the frame with which the session starts.
func (s *Session) takePlaceLocked(e *catchup.Elsewhere) {
	if log := s.room.kept.Log(); log != nil {
		c := s.member.Client()
		s.member.StartAt(log.Take(c, s.room.members.ConfirmedLocked(c, s.room.ended(s.engine)), e))
	}
}

// ended returns a function that reports whether the user of a session was disconnected
// after it joined.
func (r *room) ended(e *Engine) func(m *members.Member) bool {
	now := e.now()
	return func(m *members.Member) bool { return e.kicks.Ended(r.id, m.UserID, m.Joined, now) }
}

// Part is Leave for a connection that had been accepted.
func (s *Session) Part(how catchup.Parting) {
	if log := s.room.kept.Log(); log != nil {
		log.Part(s.member.Client(), s.member.Start(), s.member.Confirmed(), how)
	}
	s.leave()
}
