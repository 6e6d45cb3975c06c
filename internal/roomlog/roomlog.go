// Package roomlog keeps what a node remembers of its rooms: the frames of the last minute in
// their order, and how far this node has delivered them to its clients. A view change compares
// these logs and gives each member what it lacks; a repeated operation is found in them by its
// id, so that it has one frame.
//
// A Log is a room's, Logs are those of all rooms. They have no lock, no goroutine and no clock.
// What they deliver goes to functions, and the time is an argument.
package roomlog

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/protocol"
	"confab/internal/view"
)

// stateRooms bounds the rooms in one answer to a question for states.
const stateRooms = 2000

// Logs are the logs of all rooms. They have no lock, no goroutine and no clock:
// what they deliver goes to functions, and the time is an argument.
type Logs struct {
	limit   int                          // of bytes
	deliver func(*chat.Frame)            // delivers a frame to this node's clients
	kick    func(*chat.Frame)            // is called when a frame that disconnects a user is passed over
	arrived func(id string, missed bool) // is called when an operation's frame was delivered or passed over

	rooms map[string]*Log
	byID  map[string]*entry // of all rooms, by the operation's id
	aging []aged            // of all rooms, oldest first
	// gone has the ids of frames that were delivered here and then dropped from their log.
	// The same operation may come again in another history.
	gone  map[string]time.Time
	bytes int
	held  int    // entries that are not delivered
	floor uint64 // the highest number of a room that is not in rooms any more
}

// aged is an entry in the order of arrival.
type aged struct {
	room *Log
	e    *entry
}

// New returns logs that hold limit bytes. They call the functions while they are called themselves.
func New(limit int, deliver, kick func(*chat.Frame), arrived func(id string, missed bool)) Logs {
	return Logs{
		limit: limit, deliver: deliver, kick: kick, arrived: arrived,
		rooms: map[string]*Log{}, byID: map[string]*entry{}, gone: map[string]time.Time{},
	}
}

// Outcome is what became of an operation's frame here.
type Outcome uint8

// The values of Outcome.
const (
	Unknown    Outcome = iota // it is in no log
	Held                      // no other member is known to have it
	Delivered                 // to this node's clients
	PassedOver                // it was delivered on nodes that this one could not reach
)

// Outcome returns what became of the frame of an operation, as far as it is in a log.
func (s *Logs) Outcome(id string) Outcome {
	switch e := s.byID[id]; {
	case e == nil:
		return Unknown
	case !e.delivered:
		return Held
	case e.missed:
		return PassedOver
	}
	return Delivered
}

// Find returns the log of a room, or nil.
func (s *Logs) Find(id string) *Log { return s.rooms[id] }

// HeldFrames returns how many frames are not delivered, in all rooms.
func (s *Logs) HeldFrames() int { return s.held }

// Room returns the log of a room and makes one if there is none.
func (s *Logs) Room(id string, now time.Time) *Log {
	l := s.rooms[id]
	if l == nil {
		l = &Log{id: id, touched: now}
		s.rooms[id] = l
	}
	return l
}

// Home returns the home of a room in a view.
func (s *Logs) Home(v *view.View, room string) string {
	if l := s.rooms[room]; l != nil {
		return l.place(v)
	}
	return v.Home(room)
}

// Number returns the next number of a room in a view: numbers continue where the
// log ends, whatever view that was in.
func (s *Logs) Number(id string, in view.ID, now time.Time) uint64 {
	l := s.Room(id, now)
	if l.assignedIn != in {
		l.assigned, l.assignedIn = max(l.last.Seq, s.floor), in
	}
	l.assigned++
	l.touched = now
	return l.assigned
}

// Begin gives a log a place before its first frame, so that members that receive the room
// from different frames on have one history.
func (s *Logs) Begin(l *Log, in view.ID) {
	if l.last == (view.Point{}) {
		l.floor = view.Point{View: in, Seq: s.floor}
		l.last = l.floor
	}
}

// Reset has a log begin anew behind a place: what lies between is unknown here.
func (s *Logs) Reset(l *Log, floor view.Point, now time.Time) {
	s.drop(l, 0, now)
	l.floor, l.last, l.began, l.touched = floor, floor, false, now
}

// Add appends a frame to a log. It is held until DeliverNext.
func (s *Logs) Add(l *Log, at view.Point, f *chat.Frame, now time.Time) { s.add(l, at, f, now) }

func (s *Logs) add(l *Log, at view.Point, f *chat.Frame, now time.Time) *entry {
	e := &entry{at: at, frame: f, received: now}
	if l.last == (view.Point{}) {
		l.floor, l.began = view.Point{View: at.View, Seq: at.Seq - 1}, true
	}
	l.entries = append(l.entries, e)
	l.last, l.touched = at, now
	l.held++
	s.held++
	// A home that did not know an operation when it was repeated has published it a second
	// time. The duplicate keeps its place in the order and is not delivered again.
	if before := s.byID[f.ID]; before != nil && before.delivered && !before.missed {
		s.gone[f.ID] = now
	}
	s.byID[f.ID] = e
	s.aging = append(s.aging, aged{l, e})
	s.bytes += e.size()
	for s.bytes > s.limit && len(s.aging) > 0 && s.aging[0].e.delivered {
		s.evict()
	}
	return e
}

// Publish appends a frame of this node to a log and holds it. safe receives what becomes of it.
func (s *Logs) Publish(l *Log, at view.Point, f *chat.Frame, safe chan error, now time.Time) {
	s.add(l, at, f, now).safe = safe
}

// DeliverNext delivers the first held frame of a room, unless its operation was
// delivered here before.
func (s *Logs) DeliverNext(l *Log) {
	if l.held == 0 {
		return // Another home has completed a room of which this node is the home.
	}
	e := l.entries[len(l.entries)-l.held]
	l.held--
	s.held--
	if _, before := s.gone[e.frame.ID]; !before {
		s.deliver(e.frame)
	}
	s.arrived(e.frame.ID, e.missed)
	e.settle(nil)
}

// DeliverUpTo delivers the held frames of a room up to a place.
func (s *Logs) DeliverUpTo(l *Log, at view.Point) {
	for l.held > 0 && l.entries[len(l.entries)-l.held].at.Compare(at) <= 0 {
		s.DeliverNext(l)
	}
}

// DeliverHeld delivers all held frames of a room.
func (s *Logs) DeliverHeld(l *Log) {
	for l.held > 0 {
		s.DeliverNext(l)
	}
}

// DeliverHeldOf delivers all held frames of the rooms of a home.
func (s *Logs) DeliverHeldOf(home string, v *view.View) {
	for _, l := range s.rooms {
		if l.held > 0 && l.place(v) == home {
			s.DeliverHeld(l)
		}
	}
}

// drop removes the entries from index i on: the room's order continues without them.
func (s *Logs) drop(l *Log, i int, now time.Time) {
	for _, e := range l.entries[i:] {
		s.forget(e)
		switch {
		case !e.delivered:
			e.settle(messaging.ErrMoved)
		case !e.missed:
			s.gone[e.frame.ID] = now
		}
		e.delivered = true // Nothing waits for it any more, so it may be evicted.
	}
	clear(l.entries[i:])
	l.entries = l.entries[:i]
	s.held -= l.held
	l.held = 0
	switch {
	case i > 0:
		l.last = l.entries[i-1].at
	case l.began:
		l.floor, l.last, l.began = view.Point{}, view.Point{}, false
	default:
		l.last = l.floor
	}
}

func (s *Logs) forget(e *entry) {
	if s.byID[e.frame.ID] == e {
		delete(s.byID, e.frame.ID)
	}
	s.bytes -= e.size()
}

// evict removes the oldest entry of all rooms.
func (s *Logs) evict() {
	a := s.aging[0]
	s.aging[0] = aged{}
	s.aging = s.aging[1:]
	if len(a.room.entries) > 0 && a.room.entries[0] == a.e {
		a.room.floor, a.room.began = a.e.at, false
		a.room.entries[0] = nil
		a.room.entries = a.room.entries[1:]
		s.forget(a.e)
	}
}

// Expire removes old entries.
func (s *Logs) Expire(now time.Time) {
	for len(s.aging) > 0 && s.aging[0].e.delivered && now.Sub(s.aging[0].e.received) > protocol.LogAge {
		s.evict()
	}
}

// Sweep removes rooms that have had no entries for a while, except those of which this node has
// sessions.
func (s *Logs) Sweep(now time.Time, kept func(room string) bool) {
	for id, l := range s.rooms {
		if len(l.entries) == 0 && now.Sub(l.touched) > 2*protocol.LogAge && !kept(id) {
			s.floor = max(s.floor, l.last.Seq, l.assigned)
			delete(s.rooms, id)
		}
	}
	maps.DeleteFunc(s.gone, func(_ string, at time.Time) bool { return now.Sub(at) > protocol.LogAge })
}

// Adopt makes h the log of its room, and delivers what is new. It returns how many
// frames that were, and whether the room jumped to another history.
func (s *Logs) Adopt(h protocol.History, now time.Time) (count int, jumped bool) {
	l := s.Room(h.Room, now)
	if l.Delivered() != h.After {
		return 0, false // The history came twice.
	}
	keep := 0
	if h.Keep {
		keep = len(l.entries) - l.held
	} else {
		jumped = h.After != (view.Point{}) && len(h.Frames) > 0 && h.Last() != h.After
	}
	publishers := map[string]chan error{} // the publishers of held frames, by id: h may have the same frames
	for _, e := range l.entries[len(l.entries)-l.held:] {
		if e.safe != nil {
			publishers[e.frame.ID] = e.safe
			e.safe = nil
		}
	}
	s.drop(l, keep, now)
	if !h.Keep {
		l.floor, l.last, l.began = h.Floor, h.Floor, false
	}
	for i, data := range h.Frames {
		it, err := protocol.DecodeItem(data)
		if err != nil || it.Frame == nil {
			break
		}
		e := s.add(l, it.At, it.Frame, now)
		e.old = i < h.Old
		e.safe = publishers[it.Frame.ID]
		delete(publishers, it.Frame.ID)
		if i >= h.Deliver {
			s.DeliverNext(l)
			count++
			continue
		}
		l.held--
		s.held--
		_, before := s.gone[it.Frame.ID]
		e.missed = !before
		if e.missed && it.Frame.DisconnectUser != "" {
			s.kick(it.Frame)
		}
		s.arrived(it.Frame.ID, e.missed)
		e.settle(nil)
	}
	for _, safe := range publishers {
		safe <- messaging.ErrMoved
	}
	return count, jumped
}

// States returns how far this node is in the rooms of a home, page by page. interests are
// the rooms of which it has sessions, with their numbers.
func (s *Logs) States(v *view.View, home, after string, interests map[string]uint64, now time.Time) (rooms []protocol.RoomState, more bool) {
	for id, l := range s.rooms {
		if id > after && l.last != (view.Point{}) && l.place(v) == home {
			rooms = append(rooms, protocol.RoomState{
				Room: id, Last: l.last, Delivered: l.Delivered(), PassedOver: l.PassedOver(), Floor: l.floor, Young: l.young(now),
				Interest: interests[id],
			})
		}
	}
	for id, number := range interests {
		if l := s.rooms[id]; id > after && (l == nil || l.last == (view.Point{})) && v.Home(id) == home {
			rooms = append(rooms, protocol.RoomState{Room: id, Interest: number})
		}
	}
	slices.SortFunc(rooms, func(x, y protocol.RoomState) int { return cmp.Compare(x.Room, y.Room) })
	if len(rooms) > stateRooms {
		return rooms[:stateRooms], true
	}
	return rooms, false
}

// Begins returns where the log of a room begins, and whether it may lack operations from before
// that are asked for again.
func (s *Logs) Begins(room string, now time.Time) (floor view.Point, lacks bool) {
	l := s.Room(room, now)
	return l.floor, l.young(now) && !l.began
}

// Count returns in how many rooms of the logs this node is the home.
func (s *Logs) Count(self string, v *view.View) (here int) {
	for _, l := range s.rooms {
		if l.place(v) == self {
			here++
		}
	}
	return here
}

// Prepend puts the frames of h before a log that begins where they end. Clients here do not
// get them: they joined later, or have them.
func (s *Logs) Prepend(h protocol.History, now time.Time) {
	l := s.rooms[h.Room]
	if l == nil || l.began || len(h.Frames) == 0 || h.Last() != l.floor {
		return // The log belongs to another history.
	}
	var before []*entry
	for i, data := range h.Frames {
		it, err := protocol.DecodeItem(data)
		if err != nil || it.Frame == nil {
			return
		}
		before = append(before, &entry{at: it.At, frame: it.Frame, received: now, old: i < h.Old, delivered: true})
	}
	after := l.entries
	l.floor, l.entries = h.Floor, append(before, after...)
	for _, e := range before {
		_, delivered := s.gone[e.frame.ID]
		e.missed = !delivered
		if e.missed && e.frame.DisconnectUser != "" {
			s.kick(e.frame)
		}
		if s.byID[e.frame.ID] == nil { // Otherwise the frame was published a second time.
			s.byID[e.frame.ID] = e
		}
		s.bytes += e.size()
		s.arrived(e.frame.ID, e.missed)
	}
	// An entry is evicted behind those before it.
	for _, e := range l.entries {
		s.aging = append(s.aging, aged{l, e})
	}
	for s.bytes > s.limit && len(s.aging) > 0 && s.aging[0].e.delivered {
		s.evict()
	}
}
