package chat

// Point is a position in the order of a room's frames. The zero Point is before all frames.
type Point struct {
	Epoch    uint64
	Sequence uint64
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

// Before reports whether p is before q.
func (p Point) Before(q Point) bool {
	return p.Epoch < q.Epoch || p.Epoch == q.Epoch && p.Sequence < q.Sequence
}
