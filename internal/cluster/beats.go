package cluster

import (
	"maps"
	"time"
)

// ownHeartbeats numbers a node's own heartbeats, and knows when it sent the recent ones.
type ownHeartbeats struct {
	count  uint64
	sentAt map[uint64]time.Time
}

func newOwnHeartbeats() ownHeartbeats { return ownHeartbeats{sentAt: map[uint64]time.Time{}} }

// last returns the number of the last heartbeat.
func (h *ownHeartbeats) last() uint64 { return h.count }

// sent returns when a heartbeat was sent, if that was within the lease time.
func (h *ownHeartbeats) sent(number uint64) (at time.Time, recent bool) {
	at, recent = h.sentAt[number]
	return at, recent
}

// next numbers a heartbeat that is sent now.
func (h *ownHeartbeats) next(now time.Time) {
	h.count++
	maps.DeleteFunc(h.sentAt, func(_ uint64, at time.Time) bool { return now.Sub(at) > leaseTime })
	h.sentAt[h.count] = now
}

// follow has the next number be that of another member at least. So the numbers of all members
// stay close together, and grow no faster than those of one node do.
func (h *ownHeartbeats) follow(number uint64) {
	if 0 < number && number < maxNumber/2 {
		h.count = max(h.count, number-1)
	}
}
