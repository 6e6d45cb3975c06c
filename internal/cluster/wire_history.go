package cluster

// historyBytes bounds the frames to deliver in one answer, and half as much others. It has to fit
// the payload of NATS, which is 1 MiB, and JSON makes 4 bytes of 3.
const historyBytes = 256 << 10

// history is a piece of a room's log on its way to another member.
type history struct {
	Room string `json:"room"`
	// Keep says that the receiver's log up to After, the last that it has
	// delivered, is the beginning of this one. Otherwise its log is replaced.
	Keep  bool  `json:"keep,omitzero"`
	After point `json:"after,omitzero"`
	Floor point `json:"floor,omitzero"`
	// Frames are encoded items; those from Deliver on are for the receiver's
	// clients, the others only for its log.
	Frames  [][]byte `json:"frames,omitzero"`
	Deliver int      `json:"deliver,omitzero"`
	// Old says how many of the first frames are more than a second old: they do not
	// count against the room's rate.
	Old int `json:"old,omitzero"`
	// More says that there are more frames behind these.
	More bool `json:"more,omitzero"`
}

// size is about what it takes on its way.
func (h *history) size() int {
	size := 64
	for _, data := range h.Frames {
		size += len(data)
	}
	return size
}

// last is the point of the last frame; zero without frames.
func (h *history) last() point {
	if len(h.Frames) == 0 {
		return point{}
	}
	it, err := decodeItem(h.Frames[len(h.Frames)-1])
	if err != nil {
		return point{}
	}
	return it.at
}

// cut leaves the frames up to a point.
func (h *history) cut(until point) {
	for i, data := range h.Frames {
		if it, err := decodeItem(data); err != nil || it.at.compare(until) > 0 {
			h.Frames, h.More = h.Frames[:i], false
			return
		}
	}
}
