package messaging

import (
	"context"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/recent"
)

// Marker is an Audience that can mark the place in its output up to which a client has
// received everything.
type Marker interface {
	Replayer
	// Mark sends the number behind everything delivered. Clients confirm it.
	Mark(number uint64)
	// PingEvery sets how often connections are pinged, as a rule and for a while behind a
	// Mark; 0 is the default. One that does not answer is ended after two intervals.
	PingEvery(interval, behindMark time.Duration)
}

// Confirmer is a Conn that knows the last Mark that its client has confirmed; 0 for none.
type Confirmer interface{ Confirmed() uint64 }

// pingIntervals returns how often the connections of a room are pinged, as a rule and behind a
// mark. Where there is nothing to confirm, nothing is missed by a client that is gone.
func pingIntervals(x *chat.Extensions) (interval, behindMark time.Duration) {
	if x.Presence == chat.PresenceCount || x.Presence == chat.PresenceFull {
		interval = 15 * time.Second
	}
	if x.CatchUp > 0 {
		behindMark = 5 * time.Second
	}
	return interval, behindMark
}

// keepLog makes or removes the room's log for clients that come back. The caller holds
// r.loading.
func (r *room) keepLog(e *Engine, x *chat.Extensions) {
	to, ok := r.audience.(Marker)
	if !ok || !e.o.Extensions {
		return
	}
	if e.o.CatchUp.Memory == nil {
		x.CatchUp = 0
	}
	to.PingEvery(pingIntervals(x))
	switch log := r.log.Load(); {
	case x.CatchUp == 0 && log != nil:
		r.log.Store(nil)
		log.Close()
	case x.CatchUp > 0 && log == nil:
		log = e.o.CatchUp.Memory.NewLog(x.CatchUp)
		r.log.Store(log)
		if at := e.lastDelivered(r); at.Known { // Later frames are in the log.
			log.Begin(chat.Point{Epoch: at.Epoch, Sequence: at.Sequence})
		}
		e.o.CatchUp.Memory.Continue(r.id, log)
	case log != nil:
		log.Keep(x.CatchUp)
	}
}

// deliverLogged delivers a frame and keeps it for clients that come back.
func (r *room) deliverLogged(log *catchup.Log, g *recent.Ring, f *chat.Frame) int {
	to := r.audience.(Marker) //nolint:forcetypeassert // See keepLog.
	frame, then := to.AppendFrame(nil, f.JSON), func() {}
	if g != nil {
		then = g.Keep(to, f)
	}
	n := to.DeliverAnd(f.JSON, func() {
		if r.erased.hasFrame(f) { // It was under way.
			frame = nil
		}
		log.Append(frame, f.Sender(), f.Point())
		then()
	})
	log.MarkLater(n, to.Mark)
	return n
}

// client is how the session's client is known when it comes back.
func (s *Session) client() catchup.Client {
	return catchup.Client{UserID: s.token.UserID, Agent: s.agent}
}

// confirmed returns the last number that the session's client has confirmed.
func (s *Session) confirmed() uint64 {
	if c, ok := s.conn.(Confirmer); ok {
		return max(s.start.Number, c.Confirmed())
	}
	return s.start.Number
}

// elsewhere asks the other nodes where the session's client was.
func (s *Session) elsewhere(ctx context.Context) *catchup.Elsewhere {
	log := s.room.log.Load()
	if log == nil || s.engine.o.CatchUp.Places == nil {
		return nil
	}
	return s.engine.o.CatchUp.Places.Find(ctx, s.room.id, s.client(), log)
}

// takePlaceLocked sets where a session starts that joins.
func (r *room) takePlaceLocked(s *Session, e *catchup.Elsewhere) {
	if log := r.log.Load(); log != nil {
		s.start = log.Take(s.client(), r.confirmedLocked(s.engine, s.client()), e)
	}
}

// confirmedLocked returns what the connections of a client here have confirmed.
func (r *room) confirmedLocked(e *Engine, c catchup.Client) (live []uint64) {
	for s := r.users[c.UserID]; s != nil; s = s.next {
		if s.agent == c.Agent && !e.kicks.Ended(r.id, c.UserID, s.joined, e.now()) {
			live = append(live, s.confirmed())
		}
	}
	return live
}

// missed returns what the client has missed since its last connection, and whether it had
// one.
func (s *Session) missed() (frames [][]byte, known bool) {
	log := s.room.log.Load()
	if log == nil || !s.start.Known {
		return nil, false
	}
	return log.Missed(s.start, s.room.audience.(Replayer), s.engine.now()), true //nolint:forcetypeassert // See keepLog.
}

// Part is Leave for a connection that had been accepted.
func (s *Session) Part(how catchup.Parting) {
	if log := s.room.log.Load(); log != nil {
		log.Part(s.client(), s.start, s.confirmed(), how)
	}
	s.leave()
}
