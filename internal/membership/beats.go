package membership

import (
	"maps"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// Beats numbers a node's own heartbeats, and knows when it sent the recent ones.
type Beats struct {
	count  uint64
	sentAt map[uint64]time.Time
}

// NewBeats returns those of a node that has sent none.
func NewBeats() Beats { return Beats{sentAt: map[uint64]time.Time{}} }

// Last returns the number of the last heartbeat.
func (h *Beats) Last() uint64 { return h.count }

// Sent returns when a heartbeat was sent, if that was within the lease time.
func (h *Beats) Sent(number uint64) (at time.Time, recent bool) {
	at, recent = h.sentAt[number]
	return at, recent
}

// Next numbers a heartbeat that is sent now.
func (h *Beats) Next(now time.Time) {
	h.count++
	maps.DeleteFunc(h.sentAt, func(_ uint64, at time.Time) bool { return now.Sub(at) > protocol.LeaseTime })
	h.sentAt[h.count] = now
}

// Follow has the next number be that of another member at least. So the numbers of all members
// stay close together, and grow no faster than those of one node do.
func (h *Beats) Follow(number uint64) {
	if 0 < number && number < view.MaxNumber/2 {
		h.count = max(h.count, number-1)
	}
}
