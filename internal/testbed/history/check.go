package history

import (
	"fmt"
	"slices"
)

// Rule names what a violation breaks.
type Rule string

// The rules.
const (
	OneOrder       Rule = "one order"        // receivers of a room agree on the order of its frames
	NoDuplicate    Rule = "no duplicate"     // an Id comes once per connection, a RequestId once per room
	SameFrame      Rule = "same frame"       // one Id, one content, the one that was sent
	NoGap          Rule = "no gap"           // a connection misses nothing between two frames it got
	NoLoss         Rule = "no loss"          // every connection gets what was acknowledged while it was open
	Joins          Rule = "joins"            // a connection starts where the client's older one stops, and not in the past
	HistoryFirst   Rule = "history first"    // a new connection first gets the latest kept messages, in order, each once
	HistoryKept    Rule = "history kept"     // the history has what was delivered, in order, each once, and nothing else
	Counts         Rule = "counts"           // where clients are told who is there, all who are there are counted, and no one who has gone
	CatchesUp      Rule = "catches up"       // where clients catch up, they miss nothing between their connections
	RefusalsHold   Rule = "refusals hold"    // what was refused is not delivered
	AllowedErrors  Rule = "allowed errors"   // no ErrorCode but the expected
	KicksEnd       Rule = "kicks end"        // a disconnected user is disconnected
	NoStrangeClose Rule = "no strange close" // no other client sees a Close frame
	ComesBack      Rule = "comes back"       // no client is driven to give up
	TokenOnce      Rule = "token once"       // a token connects once
	RoomRate       Rule = "room rate"        // the room's message rate holds
	SlowMode       Rule = "slow mode"        // two messages of a user are as far apart as the room wants
	BansHold       Rule = "bans hold"        // no banned user gets in or speaks
	HiddenStays    Rule = "hidden stays"     // no other user gets what a hidden user says
	Durable        Rule = "durable"          // acknowledged writes of the API last
)

// Violation is one broken promise.
type Violation struct {
	Rule   Rule
	Room   string
	Detail string
}

// String returns the violation as one line.
func (v Violation) String() string {
	if v.Room == "" {
		return fmt.Sprintf("%s: %s", v.Rule, v.Detail)
	}
	return fmt.Sprintf("%s: room %s: %s", v.Rule, v.Room, v.Detail)
}

// Options say what a run may do.
type Options struct {
	// Codes are the ErrorCodes and HTTP statuses that requests may be refused
	// with; 429 is always allowed.
	Codes []int
	// FreshBuckets is how often in the run a room's rate began anew, as when the
	// memory of all nodes is lost at once.
	FreshBuckets int
	// FreshTurns is how many messages more a user may send in slow mode, as when a node's clock
	// is changed.
	FreshTurns int
	// MayGiveUp allows clients to give up, as while the database is gone.
	MayGiveUp bool
	// MayLackHistory allows that kept messages are missing for new connections, as while
	// the transcript cannot be written.
	MayLackHistory bool
	// MayMiss allows that clients miss frames in rooms with catch-up, as when more than one
	// node is lost at once.
	MayMiss bool
	// MayCountWrong allows that people are counted wrong before the end, as while nodes do not
	// reach each other and no partition says so.
	MayCountWrong bool
}

// Report is the result of a check.
type Report struct {
	// Violations are broken promises; none is what is wanted.
	Violations []Violation
	// Apart are differences between sides of a partition: frames that one side
	// delivered and the other never saw. They are the price for serving both sides.
	Apart int
	// Window is how many messages of banned users were sent after the answer to the ban, in the
	// time that it may take to be in force on all nodes, and were delivered.
	Window int
}

// Check holds the history against all rules. Frames that were sent while nodes
// could not reach each other are checked among the receivers of each side alone;
// what differs between the sides is counted in Report.Apart.
func Check(h *History, o Options) Report {
	var r Report
	h, r.Violations, r.Window = h.withoutHidden()
	for room, part := range h.rooms() {
		if part.catchUp = h.CatchUp[room]; part.catchUp {
			part.absences = h.absences(room)
		}
		whole, sides, apart := part.sides(h.Partitions)
		r.Apart += apart
		if part.catchUp {
			for _, v := range whole.caughtUp(o) {
				v.Room = room
				r.Violations = append(r.Violations, v)
			}
		}
		for _, p := range append(sides, whole) {
			slowMode := p.slowMode(h.SlowMode[room], o.freshTurns(p != whole))
			for _, v := range slices.Concat(p.duplicates(), p.order(), p.loss(), p.joins(), p.refusals(), p.rate(h.Rates[room], o.FreshBuckets), slowMode) {
				v.Room = room
				r.Violations = append(r.Violations, v)
			}
		}
		// The history of a room is not that of one side alone.
		if len(h.Partitions) == 0 {
			problems := part.firsts(h.OnJoin[room], o)
			if messages, asked := h.Kept[room]; asked {
				problems = append(problems, part.kept(messages, o)...)
			}
			for _, v := range problems {
				v.Room = room
				r.Violations = append(r.Violations, v)
			}
		}
		r.Violations = append(r.Violations, part.presence(h, room, o)...)
		for _, v := range part.kicks(h, room) {
			v.Room = room
			r.Violations = append(r.Violations, v)
		}
	}
	banned, inWindow := h.bans()
	r.Violations, r.Window = append(r.Violations, banned...), r.Window+inWindow
	r.Violations = append(r.Violations, h.codes(o)...)
	r.Violations = append(r.Violations, h.tokens()...)
	r.Violations = append(r.Violations, h.writes()...)
	for _, g := range h.GaveUp {
		if !o.MayGiveUp && !h.sentAway(g) {
			r.Violations = append(r.Violations, Violation{Rule: ComesBack, Room: g.Room, Detail: g.String()})
		}
	}
	return r
}

// sentAway reports whether the client's user was disconnected before, in a room in which that
// bans the user.
func (h *History) sentAway(g GaveUp) bool {
	return h.DisconnectBan[g.Room] && slices.ContainsFunc(h.Requests, func(q *Request) bool {
		return q.Action == DisconnectUser && q.Room == g.Room && q.Target == g.User && q.Sent < g.At
	})
}

// room is the history of one room: the unit of order.
type room struct {
	connections []*Connection
	requests    []*Request
	catchUp     bool
	// absences are the connections of each user of a room with catchUp, on all sides of partitions.
	absences map[string]absences
}

func (h *History) rooms() map[string]*room {
	rooms := map[string]*room{}
	get := func(name string) *room {
		if rooms[name] == nil {
			rooms[name] = &room{}
		}
		return rooms[name]
	}
	for _, c := range h.Connections {
		r := get(c.Room)
		r.connections = append(r.connections, c)
	}
	for _, q := range h.Requests {
		r := get(q.Room)
		r.requests = append(r.requests, q)
	}
	return rooms
}
