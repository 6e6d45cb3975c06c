package cluster

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
)

// stateRooms bounds the rooms in one answer to a question for states.
const stateRooms = 2000

// roomLogs are the logs of all rooms. They have no lock, no goroutine and no clock:
// what they deliver goes to functions, and the time is an argument.
type roomLogs struct {
	limit   int                          // of bytes
	deliver func(*chat.Frame)            // to this node's clients
	kick    func(*chat.Frame)            // a frame that disconnects a user was passed over
	arrived func(id string, missed bool) // an operation's frame was delivered, or passed over

	rooms map[string]*roomLog
	byID  map[string]*entry // of all rooms, by the operation's id
	aging []aged            // of all rooms, oldest first
	// gone are the frames that were delivered here and dropped from their log
	// since, by id. The same operation may come back in another history.
	gone  map[string]time.Time
	bytes int
	held  int    // entries that are not delivered
	floor uint64 // no room that is not in rooms has a higher number
}

// aged is an entry in the order in which entries came.
type aged struct {
	room *roomLog
	e    *entry
}

func newRoomLogs(limit int, deliver, kick func(*chat.Frame), arrived func(id string, missed bool)) roomLogs {
	return roomLogs{
		limit: limit, deliver: deliver, kick: kick, arrived: arrived,
		rooms: map[string]*roomLog{}, byID: map[string]*entry{}, gone: map[string]time.Time{},
	}
}

// outcome is what became of an operation's frame here.
type outcome uint8

const (
	unknown    outcome = iota // it is in no log
	held                      // no other member is known to have it
	delivered                 // to this node's clients
	passedOver                // it was delivered on nodes that this one could not reach
)

// outcome returns what became of the frame of an operation, as far as it is in a log.
func (s *roomLogs) outcome(id string) outcome {
	switch e := s.byID[id]; {
	case e == nil:
		return unknown
	case !e.delivered:
		return held
	case e.missed:
		return passedOver
	}
	return delivered
}

// find returns the log of a room, or nil.
func (s *roomLogs) find(id string) *roomLog { return s.rooms[id] }

// heldFrames returns how many frames are not delivered, in all rooms.
func (s *roomLogs) heldFrames() int { return s.held }

// room returns the log of a room and makes one if there is none.
func (s *roomLogs) room(id string, now time.Time) *roomLog {
	l := s.rooms[id]
	if l == nil {
		l = &roomLog{id: id, touched: now}
		s.rooms[id] = l
	}
	return l
}

// home returns the home of a room in a view.
func (s *roomLogs) home(v *View, room string) string {
	if l := s.rooms[room]; l != nil {
		return l.place(v)
	}
	return v.home(room)
}

// number returns the next number of a room in a view: numbers continue where the
// log ends, whatever view that was in.
func (s *roomLogs) number(id string, view ViewID, now time.Time) uint64 {
	l := s.room(id, now)
	if l.assignedIn != view {
		l.assigned, l.assignedIn = max(l.last.Seq, s.floor), view
	}
	l.assigned++
	l.touched = now
	return l.assigned
}

// begin gives a log a place before its first frame, so that members that receive the room
// from different frames on have one history.
func (s *roomLogs) begin(l *roomLog, view ViewID) {
	if l.last == (point{}) {
		l.floor = point{view, s.floor}
		l.last = l.floor
	}
}

// reset has a log begin anew behind a place: what lies between is unknown here.
func (s *roomLogs) reset(l *roomLog, floor point, now time.Time) {
	s.drop(l, 0, now)
	l.floor, l.last, l.began, l.touched = floor, floor, false, now
}

// add appends a frame to a log. It is held until deliverNext.
func (s *roomLogs) add(l *roomLog, at point, f *chat.Frame, now time.Time) *entry {
	e := &entry{at: at, frame: f, received: now}
	if l.last == (point{}) {
		l.floor, l.began = point{at.View, at.Seq - 1}, true
	}
	l.entries = append(l.entries, e)
	l.last, l.touched = at, now
	l.held++
	s.held++
	// A home that did not know an operation when it was asked for it again has
	// published it a second time: the duplicate keeps its place in the order and is
	// not delivered again.
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

// publish appends a frame of this node to a log and holds it. safe receives what becomes of it.
func (s *roomLogs) publish(l *roomLog, at point, f *chat.Frame, safe chan error, now time.Time) {
	s.add(l, at, f, now).safe = safe
}

// deliverNext delivers the first held frame of a room, unless its operation was
// delivered here before.
func (s *roomLogs) deliverNext(l *roomLog) {
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

// deliverUpTo delivers the held frames of a room up to a place.
func (s *roomLogs) deliverUpTo(l *roomLog, at point) {
	for l.held > 0 && l.entries[len(l.entries)-l.held].at.compare(at) <= 0 {
		s.deliverNext(l)
	}
}

// deliverHeld delivers all held frames of a room.
func (s *roomLogs) deliverHeld(l *roomLog) {
	for l.held > 0 {
		s.deliverNext(l)
	}
}

// deliverHeldOf delivers all held frames of the rooms of a home.
func (s *roomLogs) deliverHeldOf(home string, v *View) {
	for _, l := range s.rooms {
		if l.held > 0 && l.place(v) == home {
			s.deliverHeld(l)
		}
	}
}

// drop removes the entries from i on: the room continues without them.
func (s *roomLogs) drop(l *roomLog, i int, now time.Time) {
	for _, e := range l.entries[i:] {
		s.forget(e)
		switch {
		case !e.delivered:
			e.settle(messaging.ErrMoved)
		case !e.missed:
			s.gone[e.frame.ID] = now
		}
		e.delivered = true // So that it may be evicted: nothing waits for it.
	}
	clear(l.entries[i:])
	l.entries = l.entries[:i]
	s.held -= l.held
	l.held = 0
	switch {
	case i > 0:
		l.last = l.entries[i-1].at
	case l.began:
		l.floor, l.last, l.began = point{}, point{}, false
	default:
		l.last = l.floor
	}
}

func (s *roomLogs) forget(e *entry) {
	if s.byID[e.frame.ID] == e {
		delete(s.byID, e.frame.ID)
	}
	s.bytes -= e.size()
}

// evict removes the oldest entry of all rooms.
func (s *roomLogs) evict() {
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

// expire removes old entries.
func (s *roomLogs) expire(now time.Time) {
	for len(s.aging) > 0 && s.aging[0].e.delivered && now.Sub(s.aging[0].e.received) > logAge {
		s.evict()
	}
}

// sweep removes rooms that have had no entries for a while, except those of which this node has
// sessions.
func (s *roomLogs) sweep(now time.Time, kept func(room string) bool) {
	for id, l := range s.rooms {
		if len(l.entries) == 0 && now.Sub(l.touched) > 2*logAge && !kept(id) {
			s.floor = max(s.floor, l.last.Seq, l.assigned)
			delete(s.rooms, id)
		}
	}
	maps.DeleteFunc(s.gone, func(_ string, at time.Time) bool { return now.Sub(at) > logAge })
}

// adopt makes h the log of its room, and delivers what is new. It returns how many
// frames that were, and whether the room jumped to another history.
func (s *roomLogs) adopt(h history, now time.Time) (count int, jumped bool) {
	l := s.room(h.Room, now)
	if l.delivered() != h.After {
		return 0, false // It came twice.
	}
	keep := 0
	if h.Keep {
		keep = len(l.entries) - l.held
	} else {
		jumped = h.After != (point{}) && len(h.Frames) > 0 && h.last() != h.After
	}
	publishers := map[string]chan error{} // of held frames, by id: the same frames may be in h
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
		it, err := decodeItem(data)
		if err != nil || it.frame == nil {
			break
		}
		e := s.add(l, it.at, it.frame, now)
		e.old = i < h.Old
		e.safe = publishers[it.frame.ID]
		delete(publishers, it.frame.ID)
		if i >= h.Deliver {
			s.deliverNext(l)
			count++
			continue
		}
		l.held--
		s.held--
		_, before := s.gone[it.frame.ID]
		e.missed = !before
		if e.missed && it.frame.DisconnectUser != "" {
			s.kick(it.frame)
		}
		s.arrived(it.frame.ID, e.missed)
		e.settle(nil)
	}
	for _, safe := range publishers {
		safe <- messaging.ErrMoved
	}
	return count, jumped
}

// states returns how far this node is in the rooms of a home, page by page. interests are
// the rooms of which it has sessions, with their numbers.
func (s *roomLogs) states(v *View, home, after string, interests map[string]uint64, now time.Time) (rooms []roomState, more bool) {
	for id, l := range s.rooms {
		if id > after && l.last != (point{}) && l.place(v) == home {
			rooms = append(rooms, roomState{
				Room: id, Last: l.last, Delivered: l.delivered(), PassedOver: l.passedOver(), Floor: l.floor, Young: l.young(now),
				Interest: interests[id],
			})
		}
	}
	for id, number := range interests {
		if l := s.rooms[id]; id > after && (l == nil || l.last == (point{})) && v.home(id) == home {
			rooms = append(rooms, roomState{Room: id, Interest: number})
		}
	}
	slices.SortFunc(rooms, func(x, y roomState) int { return cmp.Compare(x.Room, y.Room) })
	if len(rooms) > stateRooms {
		return rooms[:stateRooms], true
	}
	return rooms, false
}

// begins returns where the log of a room begins, and whether it may lack operations from before
// that are asked for again.
func (s *roomLogs) begins(room string, now time.Time) (floor point, lacks bool) {
	l := s.room(room, now)
	return l.floor, l.young(now) && !l.began
}

// count returns in how many rooms of the logs this node is the home.
func (s *roomLogs) count(self string, v *View) (here int) {
	for _, l := range s.rooms {
		if l.place(v) == self {
			here++
		}
	}
	return here
}

// prepend puts the frames of h before a log that begins where they end. Clients here do not
// get them: they joined later, or have them.
func (s *roomLogs) prepend(h history, now time.Time) {
	l := s.rooms[h.Room]
	if l == nil || l.began || len(h.Frames) == 0 || h.last() != l.floor {
		return // The log is one of another history.
	}
	var before []*entry
	for i, data := range h.Frames {
		it, err := decodeItem(data)
		if err != nil || it.frame == nil {
			return
		}
		before = append(before, &entry{at: it.at, frame: it.frame, received: now, old: i < h.Old, delivered: true})
	}
	after := l.entries
	l.floor, l.entries = h.Floor, append(before, after...)
	for _, e := range before {
		_, delivered := s.gone[e.frame.ID]
		e.missed = !delivered
		if e.missed && e.frame.DisconnectUser != "" {
			s.kick(e.frame)
		}
		if s.byID[e.frame.ID] == nil { // Otherwise it was published a second time.
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
