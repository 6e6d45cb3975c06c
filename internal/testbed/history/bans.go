package history

import (
	"fmt"
	"slices"
	"time"
)

// Ban is a ban of a user in a room.
type Ban struct {
	Room, User, Node string
	// Mute is set if the user may connect, and not speak. Hide is set if no other user gets what
	// the user says. Otherwise the user may not connect: for a ban of the user, of the user's
	// address, or one that a disconnect made.
	Mute, Hide bool
	// Range is set for a ban of the user's address. The room gets no event of it.
	Range bool
	// Sent and Answered are when it was asked for and when it was acknowledged; StillOpen if it
	// never was: without an answer, it may be in force or not. EndSent and Ended are the same of its end.
	Sent, Answered, EndSent, Ended time.Duration
}

// Stopped is a time in which a node was stopped, and so reached neither the database nor the
// other nodes.
type Stopped struct {
	Node     string
	From, To time.Duration
}

const (
	// BanWindow is how long after the answer a ban may take to end the sessions of its user: on
	// a node that reached nothing, after it does.
	BanWindow = time.Second
	// closing is how much longer the client may take to see the end of its connection, on a
	// machine under load.
	closing = time.Second
)

// window returns until when the ban may be unknown on a node.
func (b *Ban) window(node string, stopped []Stopped) time.Duration {
	until := b.Answered + BanWindow
	for _, s := range stopped {
		if s.Node == node && s.To > b.Answered && s.From < until {
			until = max(until, s.To+BanWindow)
		}
	}
	return until
}

// bans checks that no banned user gets in and no banned or muted user speaks, on no node, from
// the answer to the ban until its end is asked for. A handshake is refused at once. What was
// said in the window, and got through, is counted apart.
func (h *History) bans() (all []Violation, inWindow int) {
	if len(h.Bans) == 0 {
		return nil, 0
	}
	delivered := map[string]time.Duration{} // when first, by content: each message of a run has another
	for _, c := range h.Connections {
		for _, f := range slices.Concat(c.First, c.Frames) {
			if at, ok := delivered[f.Content]; f.Event == "" && (!ok || f.At < at) {
				delivered[f.Content] = f.At
			}
		}
	}
	for _, b := range h.Bans {
		if b.Answered == StillOpen || b.Hide {
			continue
		}
		wrong := func(format string, args ...any) {
			all = append(all, Violation{Rule: BansHold, Room: b.Room, Detail: fmt.Sprintf(
				"%s, banned on %s at %s, ", b.User, b.Node, b.Answered) + fmt.Sprintf(format, args...)})
		}
		for _, q := range h.Requests {
			at, ok := delivered[q.Content]
			if !ok || q.User != b.User || q.Room != b.Room || q.Action != SendMessage || q.Sent <= b.Answered || at >= b.EndSent {
				continue
			}
			if q.Sent < b.window(q.Node, h.Stopped) {
				inWindow++
				continue
			}
			wrong("sent %s on %s at %s, and it was delivered", q.ID, q.Node, q.Sent)
		}
		if b.Mute {
			continue
		}
		for _, s := range h.Handshakes {
			if s.User == b.User && s.Room == b.Room && s.Status == 101 && s.At > b.Answered && s.Answered < b.EndSent {
				wrong("connected to %s at %s", s.Node, s.At)
			}
		}
		for _, c := range h.Connections {
			until := b.window(c.Node, h.Stopped) + closing
			if c.User == b.User && c.Room == b.Room && c.Opened <= b.Answered && c.Ended > until && until < b.EndSent {
				wrong("is connected to %s at %s", c.Node, until)
			}
		}
	}
	return all, inWindow
}

// withoutHidden returns the history without what users said while they were hidden and no other
// user got: for all other rules it was not said. It reports what others got although it was sent
// behind the window, and how much of that was in the window.
func (h *History) withoutHidden() (rest *History, all []Violation, inWindow int) {
	hides := slices.DeleteFunc(slices.Clone(h.Bans), func(b *Ban) bool { return !b.Hide })
	if len(hides) == 0 {
		return h, nil, 0
	}
	said := map[string]*Request{} // by content: each message of a run has another
	for _, q := range h.Requests {
		if q.Action == SendMessage {
			said[q.Content] = q
		}
	}
	type arrival struct {
		c  *Connection
		at time.Duration
	}
	got := map[string]arrival{} // the first at another user
	for _, c := range h.Connections {
		for _, f := range slices.Concat(c.First, c.Frames) {
			q, known := said[f.Content], got[f.Content]
			if f.Event == "" && q != nil && q.User != c.User && (known.c == nil || f.At < known.at) {
				got[f.Content] = arrival{c, f.At}
			}
		}
	}
	gone := map[string]bool{}
	for _, b := range hides {
		for _, q := range h.Requests {
			switch by := got[q.Content]; {
			case q.User != b.User || q.Room != b.Room || q.Action != SendMessage:
			case by.c == nil:
				gone[q.Content] = q.Answered >= b.Sent || q.Outcome == Unknown
			case b.Answered == StillOpen || q.Sent <= b.Answered || max(q.Sent, by.at) >= b.EndSent:
			case q.Sent < b.window(q.Node, h.Stopped):
				inWindow++
			default:
				all = append(all, Violation{Rule: HiddenStays, Room: b.Room, Detail: fmt.Sprintf(
					"%s, hidden on %s at %s, sent %s on %s at %s, and %s on %s got it", b.User, b.Node, b.Answered, q.ID, q.Node, q.Sent, by.c.Client, by.c.Node)})
			}
		}
	}
	without := *h
	without.Requests = slices.DeleteFunc(slices.Clone(h.Requests), func(q *Request) bool {
		return q.Action == SendMessage && gone[q.Content] && q.Outcome != Refused
	})
	without.Connections = nil
	for _, c := range h.Connections {
		left := *c
		for _, frames := range []*[]Frame{&left.First, &left.Frames} {
			*frames = slices.DeleteFunc(slices.Clone(*frames), func(f Frame) bool { return f.Event == "" && gone[f.Content] })
		}
		left.withheld = len(c.First) - len(left.First)
		without.Connections = append(without.Connections, &left)
	}
	return &without, all, inWindow
}

// made returns how many bans were acknowledged.
func (h *History) made() (n int) {
	for _, b := range h.Bans {
		if b.Answered != StillOpen {
			n++
		}
	}
	return n
}

// refusedLate reports whether a ban of the user may have come into force during the handshake,
// which a node refuses then after the user has joined.
func (h *History) refusedLate(s *Handshake) bool {
	return slices.ContainsFunc(h.Bans, func(b *Ban) bool {
		return b.User == s.User && b.Room == s.Room && s.At < b.Answered && b.Sent < s.Answered
	})
}

// leaves reports whether the user is one of those who are banned. They leave while requests
// are under way.
func (h *History) leaves(user string) bool {
	return slices.ContainsFunc(h.Bans, func(b *Ban) bool { return b.User == user })
}

// banned reports whether a ban of the user may be in force on some node at some moment between
// the two.
func (h *History) banned(user, room string, from, to time.Duration) bool {
	return slices.ContainsFunc(h.Bans, func(b *Ban) bool {
		// The end of a ban that is never answered may not have happened.
		return b.User == user && b.Room == room && b.Sent <= to && (b.Ended == StillOpen || from <= b.Ended+BanWindow)
	})
}
