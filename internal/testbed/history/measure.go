package history

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// Measures are the figures of a run.
type Measures struct {
	Acknowledged, Unknown, Delivered int
	// Bans is how many bans were acknowledged.
	Bans int
	// Written is how many writes of the control plane were acknowledged.
	Written int
	// Refused counts refusals by ErrorCode or HTTP status.
	Refused map[int]int
	// P50, P99 and Slowest are times from sending to acknowledgement.
	P50, P99, Slowest time.Duration
	// Silence is the longest time in which a room acknowledged nothing although
	// something was sent.
	Silence time.Duration
	// NodeSilence is the same of the clients' messages in a room on one node:
	// each side of a partition is to continue.
	NodeSilence time.Duration
	// Away is the longest time a client needed to come back after it lost its
	// connection; Moved is how many connections were lost or renewed.
	Away  time.Duration
	Moved int
}

// Measure returns the figures of the history.
func Measure(h *History) Measures {
	m := Measures{Refused: map[int]int{}, Bans: h.made()}
	var times []time.Duration
	for _, q := range h.Requests {
		switch q.Outcome {
		case Acknowledged:
			m.Acknowledged++
			times = append(times, q.Answered-q.Sent)
		case Refused:
			m.Refused[q.Code]++
		case Unknown:
			m.Unknown++
		}
	}
	if n := len(times); n > 0 {
		slices.Sort(times)
		m.P50, m.P99, m.Slowest = times[n/2], times[n*99/100], times[n-1]
	}
	for _, w := range h.Writes {
		if w.Outcome == Acknowledged {
			m.Written++
		}
	}
	for _, r := range h.rooms() {
		m.Silence = max(m.Silence, silence(r.requests))
		messages := map[string][]*Request{} // by node
		for _, q := range r.requests {
			if q.Action == SendMessage {
				messages[q.Node] = append(messages[q.Node], q)
			}
		}
		for _, requests := range messages {
			m.NodeSilence = max(m.NodeSilence, silence(requests))
		}
		m.Away = max(m.Away, r.away())
	}
	for _, c := range h.Connections {
		m.Delivered += len(c.Frames)
		if c.Ending == EndedDropped || c.Ending == EndedRenewed {
			m.Moved++
		}
	}
	return m
}

// slow is how long an answer may take when nothing is wrong; slowWrite, which
// waits for a disk, may take longer.
const (
	slow      = 500 * time.Millisecond
	slowWrite = 2 * time.Second
)

// Healed returns how long after the given time something was still wrong: a
// request waited for its answer, was refused with a 5xx or got none, a write took
// as long or failed, or a client was away.
func Healed(h *History, after time.Duration) time.Duration {
	healed := after
	for _, q := range h.Requests {
		switch {
		case q.Answered == StillOpen && h.leaves(q.User):
		case q.Answered == StillOpen:
			healed = max(healed, q.Sent)
		case q.Outcome == Refused && q.Code >= 500, q.Answered-q.Sent > slow:
			healed = max(healed, q.Answered)
		}
	}
	for _, w := range h.Writes {
		switch {
		case w.Outcome != Acknowledged:
			healed = max(healed, w.Sent)
		case w.Answered-w.Sent > slowWrite:
			healed = max(healed, w.Answered)
		}
	}
	for _, r := range h.rooms() {
		for _, back := range r.returns() {
			healed = max(healed, back.Opened)
		}
	}
	return healed - after
}

// silence is the longest time from a request to the next acknowledgement of any
// of them.
func silence(requests []*Request) time.Duration {
	var answers []time.Duration
	for _, q := range requests {
		if q.Outcome == Acknowledged {
			answers = append(answers, q.Answered)
		}
	}
	slices.Sort(answers)
	longest := time.Duration(0)
	for _, q := range requests {
		// Refusals for the room's rate are answers too, but no sign of life of its order.
		if q.Outcome == Refused && q.Code == 429 {
			continue
		}
		at, _ := slices.BinarySearch(answers, q.Sent)
		if at < len(answers) {
			longest = max(longest, answers[at]-q.Sent)
		}
	}
	return longest
}

// away is the longest time from the end of a client's connection to its next one.
func (r *room) away() time.Duration {
	longest := time.Duration(0)
	for previous, back := range r.returns() {
		longest = max(longest, back.Opened-previous.Ended)
	}
	return longest
}

// returns is each connection that was followed by another of the same client,
// and that one.
func (r *room) returns() iter.Seq2[*Connection, *Connection] {
	byClient := map[string][]*Connection{}
	for _, c := range r.connections {
		byClient[c.Client] = append(byClient[c.Client], c)
	}
	return func(yield func(previous, back *Connection) bool) {
		for _, connections := range byClient {
			slices.SortFunc(connections, func(a, b *Connection) int { return cmp.Compare(a.Opened, b.Opened) })
			for i := 1; i < len(connections); i++ {
				if !yield(connections[i-1], connections[i]) {
					return
				}
			}
		}
	}
}
