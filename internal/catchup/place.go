package catchup

import (
	"slices"
	"time"
)

// Client is how a client is known that comes back.
type Client struct {
	UserID string
	Agent  uint64 // a hash of its User-Agent
}

// Place is where a client was when its connection ended.
type Place struct {
	number uint64
	until  time.Time
}

// Start is where a connection starts.
type Start struct {
	// Number is the last frame that its client has confirmed, if Known is set. Else it is
	// the last of the room.
	Number uint64
	Known  bool
	place  *Place // the one that it has taken; nil for none
}

// Parting is how a connection ended.
type Parting int

// The kinds of Parting.
const (
	Lost    Parting = iota // without a Close frame
	Left                   // by a Close frame of the client
	Refused                // by an ERROR 401 of the server
	Removed                // by a moderator, or with the room
)

// refusedFor is how long a Close of a client may be the consequence of an ERROR 401 to
// another connection of it. Official clients answer ERROR 401 so.
const refusedFor = 5 * time.Second

// Take returns where a new connection of the client starts: at its oldest place. live are
// the last numbers that its other connections have confirmed.
func (l *Log) Take(c Client, live []uint64) Start {
	now := time.Now()
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	places := l.validLocked(c, now)
	s := Start{Number: l.end}
	for _, n := range live {
		s.Number, s.Known = min(s.Number, max(n, l.born)), true
	}
	if len(places) > 0 {
		s.place = places[0]
		s.Number, s.Known = min(s.Number, s.place.number), true
		l.setLocked(c, places[1:])
	}
	return s
}

// Part is called at the end of a connection that has started at s and whose client has
// confirmed a number, or 0. It leaves a place where the client may return.
func (l *Log) Part(c Client, s Start, confirmed uint64, how Parting) {
	now := time.Now()
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	if how == Refused {
		l.refused[c] = now
	}
	if how == Left && now.Sub(l.refused[c]) <= refusedFor {
		how = Refused
	}
	confirmed = max(s.Number, confirmed, l.born)
	switch {
	case how == Lost || how == Refused:
		l.addLocked(c, &Place{number: min(confirmed, l.end), until: now.Add(l.keep)})
	case how == Left && s.place != nil && confirmed <= s.place.number:
		l.addLocked(c, s.place) // It has not served its purpose.
	}
}

// Void removes the places of a user.
func (l *Log) Void(userID string) {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	for c := range l.places {
		if c.UserID == userID {
			delete(l.places, c)
		}
	}
}

// Expire drops what is too old, and reports whether there are places.
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
	return len(l.places) > 0
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
	l.places[c] = all
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
	l.places[c] = places
}
