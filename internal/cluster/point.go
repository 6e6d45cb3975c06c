package cluster

// point is a place in the order of a room's frames. The zero point stands before
// all frames.
type point struct {
	View ViewID `json:"v,omitzero"`
	Seq  uint64 `json:"s,omitzero"`
}

func (a point) compare(b point) int {
	if c := a.View.compare(b.View); c != 0 {
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
