// Package replay keeps what a live room delivers on this node, for connections that join or
// come back, and gives them what they get before live frames.
//
//	replay.go    delivers frames, keeps them, and replays them
//	hidden.go    frames that only one user gets
//	erased.go    messages that must not be kept any more
//
// The latest messages of a room with history are in a recent.Ring, and the frames of a room in
// which clients catch up are in a catchup.Log. Both are kept in the step that delivers a frame,
// so a replay ends exactly where the live frames of the connection begin.
package replay

import (
	"sync/atomic"
	"time"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/recent"
)

// Deliverer is everybody who is connected to the room on this node: messaging.Audience. One
// that is no Audience gets no replays.
type Deliverer interface {
	Deliver(json []byte) int
}

// Audience is a Deliverer that can replay messages to new connections, before what it
// delivers.
type Audience interface {
	Deliverer
	// DeliverAnd is like Deliver. It also calls then, before any connection can start
	// behind the frame. then does not block.
	DeliverAnd(json []byte, then func()) int
	// AppendFrame appends the bytes that a member gets for a frame.
	AppendFrame(b, json []byte) []byte
}

// Marker is an Audience that can mark the place in its output up to which a client has
// received everything.
type Marker interface {
	Audience
	// Mark sends the number behind everything delivered. Clients confirm it.
	Mark(number uint64)
	// PingEvery sets how often connections are pinged: normally, and for a while after a
	// Mark. 0 is the default. A connection that does not answer is ended after two
	// intervals.
	PingEvery(interval, behindMark time.Duration)
}

// Room is what one room keeps for replays. The zero Room keeps nothing; Begin comes first.
// Calls of Deliver and Hide are made one after another, and so are those of KeepRing and
// KeepLog.
type Room struct {
	to Deliverer
	// audience and marker are the Deliverer to, if it implements them.
	audience Audience
	marker   Marker

	// ring is nil unless the room has history.
	ring atomic.Pointer[recent.Ring]
	// log is nil unless clients that come back catch up.
	log atomic.Pointer[catchup.Log]
	// erased are the users whose messages ring and log do not keep.
	erased erasures
	// hidden counts the hidden frames that ring and log keep.
	hidden recent.Hidden
}

// Begin sets whom the room delivers to.
func (r *Room) Begin(to Deliverer) {
	r.to = to
	r.audience, _ = to.(Audience)
	r.marker, _ = to.(Marker)
}

// Audience returns whom the room replays to, or nil.
func (r *Room) Audience() Audience { return r.audience }

// Ring returns the room's latest messages, or nil if it keeps none.
func (r *Room) Ring() *recent.Ring { return r.ring.Load() }

// Log returns the frames for clients that come back, or nil if the room keeps none.
func (r *Room) Log() *catchup.Log { return r.log.Load() }

// KeepRing makes or removes the ring. It is called before settings with or without history
// are in force, so that the ring misses no message.
func (r *Room) KeepRing(on bool) {
	switch present := r.ring.Load() != nil; {
	case !on && present:
		r.ring.Store(nil)
	case on && !present && r.audience != nil:
		r.ring.Store(recent.New(r.erased.has))
	}
}

// KeepLog makes or removes the log, which keeps frames for a time; 0 for none. A new log is begun by
// begin, once frames are kept there. The intervals are those of Marker.PingEvery.
func (r *Room) KeepLog(memory *catchup.Memory, keep, interval, behindMark time.Duration, begin func(*catchup.Log)) {
	if r.marker == nil {
		return
	}
	r.marker.PingEvery(interval, behindMark)
	switch log := r.log.Load(); {
	case keep == 0 && log != nil:
		r.log.Store(nil)
		log.Close()
	case keep > 0 && log == nil:
		log = memory.NewLog(keep)
		r.log.Store(log)
		begin(log)
	case log != nil:
		log.Keep(keep)
	}
}

// Enter is called before the room's first session on this node, with the place behind which
// every frame is delivered here.
func (r *Room) Enter(at chat.Point) {
	if g := r.ring.Load(); g != nil {
		g.Restart()
	}
	if log := r.log.Load(); log != nil {
		log.Begin(at)
	}
}

// Close is called when the room is not live any more.
func (r *Room) Close() {
	if log := r.log.Load(); log != nil {
		log.Close()
	}
}

// Deliver delivers a frame, keeps it, and returns how many members there are.
func (r *Room) Deliver(f *chat.Frame) int {
	g := r.ring.Load()
	if log := r.log.Load(); log != nil {
		return r.deliverLogged(log, g, f)
	}
	if g != nil {
		return r.audience.DeliverAnd(f.JSON, g.Keep(r.audience, f))
	}
	return r.to.Deliver(f.JSON)
}

// deliverLogged delivers a frame and keeps it for clients that come back.
func (r *Room) deliverLogged(log *catchup.Log, g *recent.Ring, f *chat.Frame) int {
	frame, then := r.marker.AppendFrame(nil, f.JSON), func() {}
	if g != nil {
		then = g.Keep(r.marker, f)
	}
	n := r.marker.DeliverAnd(f.JSON, func() {
		if r.erased.hasFrame(f) { // It was on its way during the erasure.
			frame = nil
		}
		log.Append(frame, f.Sender(), f.Point())
		then()
	})
	log.MarkLater(n, r.marker.Mark)
	return n
}

// Want is what a connection gets before live frames.
type Want struct {
	UserID string
	// Start is where its client continues, if it catches up.
	Start catchup.Start
	// Messages is how many of the latest messages it gets otherwise, if they are not older
	// than History.
	Messages int
	History  time.Duration
	Now      time.Time
}

// First returns the frames that a connection gets before all that is delivered after the
// call, and how many hidden frames of the room are among them or are of others. replay is
// false if there is nothing to replay.
func (r *Room) First(w *Want) (frames [][]byte, hidden uint64, replay bool) {
	hidden = r.hidden.Look(func() {
		log, g := r.log.Load(), r.ring.Load()
		switch {
		case log != nil && w.Start.Known:
			frames, replay = log.Missed(w.Start, w.UserID, r.audience, w.Now), true
		case w.Messages > 0 && g != nil && w.History > 0:
			frames, replay = g.Latest(w.UserID, w.Messages, w.Now.Add(-w.History).UnixNano(), w.Now), true
		default:
			frames, replay = nil, w.Messages > 0
		}
	})
	return frames, hidden, replay
}
