package catchup

import (
	"slices"
	"time"

	"confab/internal/chat"
)

// Client identifies a client that reconnects. Clients send no identity of their own, so it
// is the user id and the User-Agent.
type Client struct {
	UserID string
	Agent  uint64 // a hash of its User-Agent
}

// Place is how far a client was when it lost its connection, and until when it may return.
type Place struct {
	number uint64
	until  time.Time
	lost   lost
	taker  string // the node on which its client has returned; it may still need the place
}

// lost is what a client misses before the first frame of a log.
type lost struct {
	frames  uint64
	unknown bool // the number is not known
}

// Start is the frame after which a connection starts.
type Start struct {
	// Number is the last frame that the client has confirmed, if Known is set, and
	// otherwise the last frame of the room.
	Number uint64
	Known  bool
	place  *Place // the place that it has taken; nil for none
	// taken is the version of the log after Take.
	taken uint64
}

// Parting is how a connection ended. It decides whether the client may return.
type Parting int

// The kinds of Parting.
const (
	Lost    Parting = iota // the connection was lost without a Close frame
	Left                   // the client sent a Close frame
	Refused                // the server sent ERROR 401
	Removed                // a moderator ended it, or the room was deleted
)

// refusedFor is how long a Close of a client may be its answer to an ERROR 401 on another
// of its connections, as official clients answer.
const refusedFor = 5 * time.Second

// Take returns where a new connection of a client starts: after the frame of its oldest
// place, which is then used up, or after the oldest frame that one of its other connections
// has not confirmed. live has the numbers that its connections on this node have confirmed.
// e is what other nodes know of the client, or nil.
func (l *Log) Take(c Client, live []uint64, e *Elsewhere) Start {
	now := time.Now()
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	l.version++
	s := Start{Number: l.end, taken: l.version}
	for _, n := range live {
		s.Number, s.Known = min(s.Number, l.withinLocked(n)), true
	}
	places := l.validLocked(c, now)
	i := slices.IndexFunc(places, func(p *Place) bool { return p.taker == "" })
	if e != nil && e.Place != nil {
		if p := l.placeLocked(e.Place, now); i < 0 || p.number < places[i].number {
			s.place, e.Taken, i = p, true, -1
		}
	}
	if i >= 0 {
		s.place = places[i]
		l.setLocked(c, slices.Delete(places, i, i+1))
	}
	if s.place != nil {
		s.Number, s.Known = min(s.Number, s.place.number), true
	}
	if e != nil {
		for _, at := range e.Live {
			if n, known := l.numberOfLocked(at); !s.Known || n < s.Number {
				s.Number, s.Known = n, true
				if s.place == nil && !known {
					s.place = &Place{number: n, until: now, lost: lostBetween(at, l.from)}
				}
			}
		}
	}
	return s
}

// withinLocked converts the number that a connection has confirmed to one of this log. A
// connection that is older than the log has confirmed 0.
func (l *Log) withinLocked(number uint64) uint64 {
	if number == 0 {
		return l.born
	}
	return max(number, l.begin)
}

// placeLocked converts a place from another node to one of this log.
func (l *Log) placeLocked(f *Found, now time.Time) *Place {
	n, known := l.numberOfLocked(f.At)
	p := &Place{number: n, until: now.Add(min(time.Duration(f.Left), l.keep))}
	if !known {
		p.lost = lostBetween(f.At, l.from)
	}
	return p
}

// Part is called at the end of a connection that started at s and whose client has
// confirmed a number, 0 for none. If the client may return, it leaves a place. It leaves
// none if its user was disconnected by a moderator, even if the connection was lost before.
func (l *Log) Part(c Client, s Start, confirmed uint64, how Parting) {
	now := time.Now()
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	l.version++
	if how == Refused {
		put(&l.refused, c, now)
	}
	if how == Left && now.Sub(l.refused[c]) <= refusedFor {
		how = Refused
	}
	if l.voided[hashOf(c.UserID)].version > s.taken {
		how = Removed
	}
	confirmed = l.withinLocked(max(s.Number, confirmed))
	served := s.place == nil || confirmed > s.place.number
	switch {
	case how == Lost || how == Refused:
		p := &Place{number: min(confirmed, l.end), until: now.Add(l.keep)}
		if !served {
			p.lost = s.place.lost
		}
		l.addLocked(c, p)
	case how == Left && !served:
		l.addLocked(c, s.place)
	}
}

// Void removes the places of a user whom a moderator has disconnected, also from reports of
// other nodes, and ignores those of reports that come later but were made before. at is the
// position of the disconnect in the room's order.
func (l *Log) Void(userID string, at chat.Point) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	l.version++
	for c := range l.places {
		if c.UserID == userID {
			delete(l.places, c)
		}
	}
	for _, h := range l.reports {
		if h.asOf.Compare(at) < 0 {
			h.void(userID)
		}
	}
	put(&l.voided, hashOf(userID), void{at, time.Now(), l.version})
}

// void is when a user was last disconnected.
type void struct {
	at      chat.Point
	time    time.Time
	version uint64 // of the log
}

// Expects reports whether clients of a user may return to the room of a log: they have places
// here, or are in the reports of other nodes.
func Expects(l *Log, userID string) bool {
	now := time.Now()
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	for c := range l.places {
		if c.UserID == userID && slices.ContainsFunc(l.places[c], func(p *Place) bool { return now.Before(p.until) }) {
			return true
		}
	}
	for _, h := range l.reports {
		if h.has(userID) {
			return true
		}
	}
	return false
}

// Expire removes frames, places and reports that are too old. It reports whether places or
// reports are left.
func (l *Log) Expire() bool {
	now := time.Now()
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	l.expireLocked(now)
	for c := range l.places {
		l.setLocked(c, l.validLocked(c, now))
	}
	for c, at := range l.refused {
		if now.Sub(at) > refusedFor {
			delete(l.refused, c)
		}
	}
	l.expireReportsLocked(now)
	shrink(&l.places)
	shrink(&l.refused)
	shrink(&l.voided)
	shrink(&l.reports)
	return len(l.places) > 0 || len(l.reports) > 0
}

func (l *Log) addLocked(c Client, p *Place) {
	all := append(l.places[c], p)
	slices.SortStableFunc(all, func(a, b *Place) int {
		switch {
		case a.number < b.number:
			return -1
		case a.number > b.number:
			return 1
		}
		return 0
	})
	put(&l.places, c, all)
}

// validLocked returns the places of a client that are not too old.
func (l *Log) validLocked(c Client, now time.Time) []*Place {
	return slices.DeleteFunc(l.places[c], func(p *Place) bool { return !now.Before(p.until) })
}

func (l *Log) setLocked(c Client, places []*Place) {
	if len(places) == 0 {
		delete(l.places, c)
		return
	}
	put(&l.places, c, places)
}
