package chat

import "cmp"

// Point is a position in the order of a room's frames. It means the same on all nodes. The
// zero Point is before all frames. Nodes exchange points as JSON.
type Point struct {
	Epoch    uint64 `json:"e,omitzero"`
	Sequence uint64 `json:"s,omitzero"`
}

// Sender returns who sent a message, and "" for an event.
func (f *Frame) Sender() string {
	if f.Type == MessageFrame {
		return f.UserID
	}
	return ""
}

// Point returns the frame's position.
func (f *Frame) Point() Point { return Point{f.Epoch, f.Sequence} }

// Compare is negative if p is before q, 0 if they are equal, and positive if p is behind q.
func (p Point) Compare(q Point) int {
	return cmp.Or(cmp.Compare(p.Epoch, q.Epoch), cmp.Compare(p.Sequence, q.Sequence))
}

// Before reports whether p is before q.
func (p Point) Before(q Point) bool { return p.Compare(q) < 0 }
