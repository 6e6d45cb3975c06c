package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// slowMode checks that two messages of a user are period apart, over all connections of the
// user. A message took its turn somewhere between its sending and its first arrival, so two
// break the rule if all four times lie closer together, whatever the clocks of nodes say. Each
// user may send fresh messages more.
func (r *room) slowMode(period time.Duration, fresh int) []Violation {
	if period == 0 {
		return nil
	}
	arrived := r.arrivals()
	byUser := map[string][]message{}
	for _, q := range r.requests {
		if at, ok := arrived[q.ID]; ok && q.Action == SendMessage {
			byUser[q.User] = append(byUser[q.User], message{q.Sent, at})
		}
	}
	var all []Violation
	for user, messages := range byUser {
		slices.SortFunc(messages, func(a, b message) int { return cmp.Compare(a.sent, b.sent) })
		early, detail := 0, ""
		for i, m := range messages {
			for _, before := range messages[:i] {
				if within := max(m.arrived, before.arrived) - before.sent; within < period {
					early++
					detail = fmt.Sprintf("%s sent two messages within %s of %s, at most one in %s is allowed", user, within, before.sent, period)
					break
				}
			}
		}
		if early > fresh {
			all = append(all, Violation{Rule: SlowMode, Detail: fmt.Sprintf("%s (%d times, %d allowed)", detail, early, fresh)})
		}
	}
	return all
}

// freshTurns is how many messages more a user may send in slow mode: on each side of a
// partition one, because in the end the sides have one home again, which may know only what
// was said on the other.
func (o Options) freshTurns(partitioned bool) int {
	fresh := o.FreshTurns
	if o.MayMiss {
		fresh++
	}
	if partitioned {
		fresh++
	}
	return fresh
}

// arrivals returns when the frames of requests arrived first, by RequestId.
func (r *room) arrivals() map[string]time.Duration {
	arrived := map[string]time.Duration{}
	for _, c := range r.connections {
		for _, f := range c.Frames {
			if at, ok := arrived[f.RequestID]; !ok || f.At < at {
				arrived[f.RequestID] = f.At
			}
		}
	}
	return arrived
}
