package replay

import (
	"math"

	"confab/internal/catchup"
	"confab/internal/chat"
	"confab/internal/recent"
)

// Hide keeps a frame that only its user gets, and returns how many connections got it. deliver sends it to
// the user's connections: to those that have not got it with the hidden frames up to this
// number. It returns how many connections got it, and how many the room has.
func (r *Room) Hide(f *chat.Frame, deliver func(number uint64) (to, all int)) int {
	number := uint64(math.MaxUint64)
	g, log := r.ring.Load(), r.log.Load()
	if g != nil || log != nil {
		number = r.hidden.Add(func() { r.keepHidden(g, log, f) })
	}
	n, all := deliver(number)
	if log != nil {
		log.MarkLater(all, r.marker.Mark)
	}
	return n
}

// keepHidden keeps a frame for connections of its user that join or come back.
func (r *Room) keepHidden(g *recent.Ring, log *catchup.Log, f *chat.Frame) {
	if g != nil {
		g.Keep(r.audience, f)()
	}
	switch {
	case log == nil:
	case r.erased.hasFrame(f): // It was on its way during the erasure.
		log.Append(nil, "", f.Point())
	default:
		log.AppendFor(f.UserID, r.audience.AppendFrame(nil, f.JSON), f.Sender(), f.Point())
	}
}
