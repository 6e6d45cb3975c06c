package roomlog

import (
	"testing"

	"confab/internal/chat"
)

// TestLost: a frame that has its place between others and is not there is lost.
func TestLost(t *testing.T) {
	r := newRecorded(1 << 20)
	r.put(1, 5, "x", false)
	r.put(2, 6, "y", false)
	l := r.rooms["r"]
	for place, want := range map[chat.Point]bool{
		{Epoch: 1, Sequence: 3}: false, // before the log begins
		{Epoch: 1, Sequence: 5}: false, // x
		{Epoch: 1, Sequence: 6}: true,
		{Epoch: 2, Sequence: 6}: false, // y
		{Epoch: 2, Sequence: 7}: false, // it may come
	} {
		if got := l.Lost(place); got != want {
			t.Errorf("%v: lost %t, want %t", place, got, want)
		}
	}
}
