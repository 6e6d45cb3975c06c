package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// rate checks the room's message rate: a token bucket of perSecond messages,
// refilled with perSecond a second. A message passed the bucket somewhere
// between its sending and its first arrival, so messages count against an
// interval when both lie inside: the bucket is broken if an interval of t
// seconds holds more than perSecond·(1+t) of them, whatever the clocks of nodes
// say. fresh buckets more are allowed.
func (r *room) rate(perSecond, fresh int) []Violation {
	if perSecond == 0 {
		return nil
	}
	var messages []message
	arrived := r.arrivals()
	for _, q := range r.requests {
		if at, ok := arrived[q.ID]; ok && q.Action == SendMessage {
			messages = append(messages, message{q.Sent, at})
		}
	}
	slices.SortFunc(messages, func(a, b message) int { return cmp.Compare(a.arrived, b.arrived) })
	starts := make([]time.Duration, len(messages))
	for i, m := range messages {
		starts[i] = m.sent
	}
	slices.Sort(starts)
	for _, start := range slices.Compact(starts) {
		n := 0
		for _, m := range messages {
			if m.sent < start {
				continue
			}
			n++
			length := m.arrived - start
			if float64(n) > float64(perSecond)*(1+float64(fresh)+length.Seconds()) {
				return []Violation{{Rule: RoomRate, Detail: fmt.Sprintf(
					"%d messages passed within %s of %s, more than %d and %d a second", n, length, start, perSecond, perSecond)}}
			}
			if length > rateWindow {
				break
			}
		}
	}
	return nil
}

// rateWindow is the longest interval that is looked at: longer ones find no
// more than the shorter ones that they are made of, but for a slow drift.
const rateWindow = 20 * time.Second

type message struct{ sent, arrived time.Duration }
