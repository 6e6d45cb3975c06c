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
