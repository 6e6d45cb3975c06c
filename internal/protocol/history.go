package protocol

import (
	"confab/internal/view"
)

// HistoryBytes bounds the frames to deliver in one answer, and half as much others. It has to fit
// the payload of NATS, which is 1 MiB, and JSON makes 4 bytes of 3.
const HistoryBytes = 256 << 10

// History is a piece of a room's log on its way to another member.
type History struct {
	Room string `json:"room"`
	// Keep says that this history continues the receiver's log, after After, the last frame
	// that the receiver has delivered. Otherwise the receiver's log is replaced.
	Keep  bool       `json:"keep,omitzero"`
	After view.Point `json:"after,omitzero"`
	Floor view.Point `json:"floor,omitzero"`
	// Frames are encoded items. Those from index Deliver on are for the receiver's clients,
	// the others only for its log.
	Frames  [][]byte `json:"frames,omitzero"`
	Deliver int      `json:"deliver,omitzero"`
	// Old says how many of the first frames are more than a second old: they do not
	// count against the room's rate.
	Old int `json:"old,omitzero"`
	// More says that more frames follow in another piece.
	More bool `json:"more,omitzero"`
}

// Size is about what it takes on its way.
func (h *History) Size() int {
	size := 64
	for _, data := range h.Frames {
		size += len(data)
	}
	return size
}

// Last is the point of the last frame; zero without frames.
func (h *History) Last() view.Point {
	if len(h.Frames) == 0 {
		return view.Point{}
	}
	it, err := DecodeItem(h.Frames[len(h.Frames)-1])
	if err != nil {
		return view.Point{}
	}
	return it.At
}

// Cut leaves the frames up to a point.
func (h *History) Cut(until view.Point) {
	for i, data := range h.Frames {
		if it, err := DecodeItem(data); err != nil || it.At.Compare(until) > 0 {
			h.Frames, h.More = h.Frames[:i], false
			return
		}
	}
}
