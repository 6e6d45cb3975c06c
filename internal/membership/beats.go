package membership

import (
	"maps"
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// Beats numbers a node's own heartbeats, and knows when it sent the recent ones. It also says when
// the next one is due: together with that of the first member of the view. So idle nodes wake up
// for all heartbeats at once, and not for each.
type Beats struct {
	// Due has an element when the first member has sent its heartbeat.
	Due    chan struct{}
	count  uint64
	sentAt map[uint64]time.Time
	joins  bool // the first member has sent one since this node's last
}

// NewBeats returns those of a node that has sent none.
func NewBeats() Beats { return Beats{Due: make(chan struct{}, 1), sentAt: map[uint64]time.Time{}} }

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

// Join makes the next heartbeat due, because one of the first member has come. last is when this
// node sent its own: heartbeats are not more frequent than twice in each BeatInterval, whatever
// the first member sends. A node that has just sent one is a little late with the next ones, until
// they are due together with those of the first member.
func (h *Beats) Join(last, now time.Time) {
	h.joins = true
	if now.Sub(last) < protocol.BeatInterval/2 {
		return
	}
	select {
	case h.Due <- struct{}{}:
	default:
	}
}

// Wait returns the time until the next heartbeat is due without one of the first member. It is
// called once for each heartbeat. If the first member has sent one since the last call, the node
// waits a little longer for its next one.
func (h *Beats) Wait() time.Duration {
	wait := protocol.BeatInterval
	if h.joins {
		wait += protocol.BeatSlack
	}
	h.joins = false
	return wait
}
