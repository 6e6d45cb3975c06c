// Package interest knows which rooms a node of a cluster gets the frames of, and which members
// a home sends the frames of its rooms to. Interests are numbered, so that a home ignores a late
// message that ends an earlier one. It locks nothing; the node does.
package interest

import "confab/internal/view"

// Interest is that of this node in a room: sessions here need its frames.
type Interest struct {
	Uses int // calls of Enter without Leave
	// Entered says that every frame behind a known place comes to this node.
	Entered bool
	// Number is that of the last question to a home. A home uses the question with the
	// highest number.
	Number uint64
	// A keeper has entered when it has the home's stream in the view In up to the item
	// Behind. Floor was the room's floor then.
	In     view.ID
	Behind uint64
	Floor  view.Point
}

// Interests are the rooms that this node has sessions of, or had some seconds ago.
type Interests struct {
	byRoom map[string]*Interest
	last   uint64 // number
}

// New returns no interests.
func New() Interests { return Interests{byRoom: map[string]*Interest{}} }

// Find returns the interest in a room, or nil.
func (s *Interests) Find(room string) *Interest { return s.byRoom[room] }

// Use returns the interest in a room, and counts one use more of it.
func (s *Interests) Use(room string) *Interest {
	i := s.byRoom[room]
	if i == nil {
		i = &Interest{}
		s.byRoom[room] = i
	}
	i.Uses++
	return i
}

// Release undoes one Use. It returns the interest if that was the last one, and else nil.
func (s *Interests) Release(room string) *Interest {
	i := s.byRoom[room]
	if i == nil {
		return nil
	}
	if i.Uses--; i.Uses > 0 {
		return nil
	}
	delete(s.byRoom, room)
	return i
}

// Past returns an interest in a room that has ended: any that began is later.
func (s *Interests) Past() *Interest { return &Interest{Number: s.last} }

// Has reports whether every frame of the room comes to this node.
func (s *Interests) Has(room string) bool {
	i := s.byRoom[room]
	return i != nil && i.Entered
}

// Receives reports whether a client of this node gets every frame of the room, so that an
// operation is done when its frame is here.
func (s *Interests) Receives(v *view.View, room string) bool { return !v.Interest || s.Has(room) }

// Next numbers an interest anew.
func (s *Interests) Next(i *Interest) uint64 {
	s.last++
	i.Number = s.last
	return i.Number
}

// Numbers returns the rooms that the node is interested in, with the numbers of that.
func (s *Interests) Numbers() map[string]uint64 {
	numbers := make(map[string]uint64, len(s.byRoom))
	for room, i := range s.byRoom {
		if i.Entered {
			numbers[room] = i.Number
		}
	}
	return numbers
}

// Members are the members with sessions of the rooms whose home is this node, with the numbers
// of their interests, by room.
type Members map[string]map[string]uint64

// Note notes that a member has sessions of a room.
func (s Members) Note(room, member string, number uint64) {
	members := s[room]
	if members == nil {
		members = map[string]uint64{}
		s[room] = members
	}
	members[member] = max(members[member], number)
}

// Has reports whether a member has sessions of a room.
func (s Members) Has(room, member string) bool { return s[room][member] > 0 }

// Remove notes that a member has no more sessions of a room, unless a later interest is known.
func (s Members) Remove(room, member string, number uint64) {
	members, known := s[room]
	if !known || members[member] > number {
		return
	}
	delete(members, member)
	if len(members) == 0 {
		delete(s, room)
	}
}
