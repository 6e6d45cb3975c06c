package view

// Point is a place in the order of a room's frames. The zero point stands before
// all frames.
type Point struct {
	View ID     `json:"v,omitzero"`
	Seq  uint64 `json:"s,omitzero"`
}

// Compare returns -1, 0 or 1, as a is before b, at it or behind it.
func (a Point) Compare(b Point) int {
	if c := a.View.Compare(b.View); c != 0 {
		return c
	}
	switch {
	case a.Seq < b.Seq:
		return -1
	case a.Seq > b.Seq:
		return 1
	}
	return 0
}
