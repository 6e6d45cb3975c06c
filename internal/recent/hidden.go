package recent

import (
	"runtime"
	"sync/atomic"
)

// Hidden counts the hidden frames that a room keeps for connections that join or come back.
// The number is odd while one is added. So a connection that takes its replay meanwhile gets
// the frame there, or live, and never twice. It costs rooms without such frames one look for
// each replay.
type Hidden struct{ n atomic.Uint64 }

// Add calls keep, which adds a frame, and returns how many there are then. Calls are made one
// after another. keep must not wait for a call of Look.
func (h *Hidden) Add(keep func()) uint64 {
	h.n.Add(1)
	keep()
	return h.n.Add(1)
}

// Look calls read until no frame is added meanwhile, and returns how many there were.
func (h *Hidden) Look(read func()) uint64 {
	for {
		before := h.n.Load()
		if before%2 == 0 {
			if read(); h.n.Load() == before {
				return before
			}
		}
		runtime.Gosched()
	}
}
