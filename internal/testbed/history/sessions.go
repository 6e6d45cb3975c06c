package history

import (
	"fmt"
	"slices"
	"time"
)

// kickTime is how long the connections of a user who was disconnected may take
// to end.
const kickTime = 5 * time.Second

// kicks checks that a disconnected user's connections ended, with the event as
// their last frame when a Close frame ended them, and that no other client saw a
// Close frame: it is final for an official client. Connections on the other side
// of a partition do not know of it. The connections of banned users end by a Close frame too,
// without the event on a node that does not get it in time, or if they join between a disconnect
// and its ban.
func (r *room) kicks(h *History, name string) []Violation {
	kicked := map[string][]*Request{} // by user
	for _, q := range r.requests {
		if q.Action == DisconnectUser && q.Outcome != Refused {
			kicked[q.Target] = append(kicked[q.Target], q)
		}
	}
	var all []Violation
	for _, c := range r.connections {
		for _, q := range kicked[c.User] {
			if q.Outcome == Acknowledged && c.Opened < q.Sent && c.Ended > q.Answered+kickTime && !apart(h.Partitions, q, c.Node) {
				all = append(all, Violation{Rule: KicksEnd, Detail: fmt.Sprintf(
					"%s on %s is connected %s after %s was disconnected", c.Client, c.Node, kickTime, c.User)})
			}
		}
		if c.Ending != EndedClosed {
			continue
		}
		last := Frame{}
		if n := len(c.Frames); n > 0 {
			last = c.Frames[n-1]
		}
		switch {
		case h.banned(c.User, name, c.Ended, c.Ended):
		case h.DisconnectBan[name] && slices.ContainsFunc(kicked[c.User], func(q *Request) bool { return q.Sent < c.Opened }):
		case len(kicked[c.User]) == 0:
			all = append(all, Violation{Rule: NoStrangeClose, Detail: fmt.Sprintf("%s on %s got a Close frame at %s", c.Client, c.Node, c.Ended)})
		case last.Event != DisconnectEvent || last.Target != c.User:
			all = append(all, Violation{Rule: KicksEnd, Detail: fmt.Sprintf("the last frame of %s on %s is %s, not its own event", c.Client, c.Node, last.ID)})
		}
	}
	return all
}

// apart says whether the request was made while its node and the other could
// not reach each other.
func apart(partitions []Partition, q *Request, node string) bool {
	return slices.ContainsFunc(partitions, func(p Partition) bool {
		return q.Answered >= p.From && q.Sent < p.To && p.Side[q.Node] != p.Side[node]
	})
}

// tokens checks that every token connected at most once, on whatever node.
func (h *History) tokens() []Violation {
	used := map[string][]string{}
	for _, s := range h.Handshakes {
		if s.Status == 101 {
			used[s.Token] = append(used[s.Token], s.Node)
		}
	}
	var all []Violation
	for token, nodes := range used {
		if len(nodes) > 1 {
			all = append(all, Violation{Rule: TokenOnce, Detail: fmt.Sprintf("token %s connected on %v", token, nodes)})
		}
	}
	return all
}

// codes checks that requests were refused with expected codes only; messages of banned users
// with 403 as well.
func (h *History) codes(o Options) []Violation {
	var all []Violation
	for _, q := range h.Requests {
		banned := q.Code == 403 && q.Action == SendMessage && h.banned(q.User, q.Room, q.Sent, q.Answered)
		if q.Outcome == Refused && q.Code != 429 && !banned && !slices.Contains(o.Codes, q.Code) {
			all = append(all, Violation{Rule: AllowedErrors, Room: q.Room, Detail: fmt.Sprintf("%s of %s on %s at %s was answered %d", q.Action, q.Client, q.Node, q.Sent, q.Code)})
		}
	}
	return all
}
