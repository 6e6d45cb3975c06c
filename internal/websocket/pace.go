package websocket

import (
	"container/heap"
	"math"
	"time"
)

// A write costs a few microseconds, independent of its size, so a busy loop gathers
// frames to write less often. These constants bound the delay of gathering.
const (
	maxWindow = 50 * time.Millisecond
	// MaxAutoWindow is the longest window that a negative Options.DeliveryWindow
	// chooses, for large groups and on loops with very many deliveries.
	MaxAutoWindow = 100 * time.Millisecond
	largePart     = 5000 // members of one group on one loop
	// At this many deliveries a second the window is maxWindow; below a twentieth of it,
	// nothing is gathered.
	busyDeliveries = 50_000
	// From the first to the second of these, it grows to MaxAutoWindow: deliveries then take a
	// large part of a processor, whether they are of one group or of many.
	denseDeliveries, densestDeliveries = 150_000, 300_000
)

// window returns for how long frames of a group with this number of members on the
// loop are gathered, in nanoseconds.
func (l *loop) window(members int) int64 {
	if w := l.server.options.DeliveryWindow; w >= 0 {
		return int64(w)
	}
	rate := l.deliveries.value(l.now)
	if rate < busyDeliveries/20 {
		return 0
	}
	dense := (rate - denseDeliveries) / (densestDeliveries - denseDeliveries)
	if members > largePart {
		dense = 1
	}
	limit := float64(maxWindow) + min(max(dense, 0), 1)*float64(MaxAutoWindow-maxWindow)
	return int64(min(rate/busyDeliveries, 1) * limit)
}

// meter measures a rate over about the last half second.
type meter struct {
	rate float64 // per second, at the time at
	at   int64
}

const meterSpan = float64(500 * time.Millisecond)

// value returns the rate per second.
func (m *meter) value(now int64) float64 {
	return m.rate * math.Exp(float64(m.at-now)/meterSpan)
}

// add counts n at the time now.
func (m *meter) add(now int64, n float64) {
	m.rate = m.value(now) + n*float64(time.Second)/meterSpan
	m.at = now
}

// waitingParts is a heap of the parts whose window is open. The part that is due
// first is in front.
type waitingParts []*part

func (w *waitingParts) push(p *part) { heap.Push(w, p) }

// pop returns a part that is due, or nil.
func (w *waitingParts) pop(now int64) *part {
	if len(*w) == 0 || (*w)[0].due > now {
		return nil
	}
	return heap.Pop(w).(*part) //nolint:forcetypeassert // Only push puts something in.
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (w *waitingParts) Len() int           { return len(*w) }
func (w *waitingParts) Less(i, j int) bool { return (*w)[i].due < (*w)[j].due }
func (w *waitingParts) Swap(i, j int)      { (*w)[i], (*w)[j] = (*w)[j], (*w)[i] }
func (w *waitingParts) Push(x any)         { *w = append(*w, x.(*part)) } //nolint:forcetypeassert // See push.
func (w *waitingParts) Pop() any {
	last := len(*w) - 1
	p := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	return p
}
