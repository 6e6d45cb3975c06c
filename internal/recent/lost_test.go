package recent_test

import (
	"testing"

	"confab/internal/chat"
	"confab/internal/recent"
)

// TestLostFrame has a message in the history that was not delivered, because its home was killed
// before that. Clients get it when it may have been delivered elsewhere, and not before.
func TestLostFrame(t *testing.T) {
	r := newRoom()
	r.store("ann", "1")
	lost := r.store("ann", "lost")
	next := r.store("ann", "2")
	next.Epoch = 2
	known := true
	r.source.delivered = recent.Delivered{Epoch: 2, Sequence: next.Sequence, Known: true, Lost: func(at chat.Point) bool { return known && at == lost.Point() }}
	r.wantJoin(t, "1", "2")
	known = false
	r.wantJoin(t, "1", "lost", "2")
}

// TestAskedAgain has a message in the history that was not delivered, because its home was killed.
// The next home was asked for it again, and has delivered it behind another message. The history
// was read before that.
func TestAskedAgain(t *testing.T) {
	for _, stored := range []bool{true, false} {
		t.Run(map[bool]string{true: "the other one is stored", false: "the other one is not stored yet"}[stored], func(t *testing.T) {
			r := newRoom()
			r.store("ann", "1")
			lost := r.store("ann", "again")
			other := r.store("ann", "2")
			other.Epoch = 2
			if !stored {
				r.source.frames = r.source.frames[:2]
			}
			again := *lost
			again.Epoch, again.Sequence = 2, other.Sequence+1
			r.deliver(other)
			r.deliver(&again)
			r.source.delivered.Lost = func(at chat.Point) bool { return at == lost.Point() }
			r.wantJoin(t, "1", "2", "again")
		})
	}
}
