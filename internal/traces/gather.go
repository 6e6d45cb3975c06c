package traces

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Query selects a page of the attempts in a room.
type Query struct {
	RoomID string
	// UserID selects the attempts of one user; empty selects all.
	UserID string
	// Result selects attempts by their result; 0 selects all.
	Result Result
	Limit  int
	// Before is the position that List returned with the previous page; nil for the first
	// page.
	Before *Position
}

// Position orders the attempts of all nodes: by time, then by node, then by the number on
// that node.
type Position struct {
	Time   int64 // in nanoseconds
	Node   string
	Number uint64
}

func (p Position) compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Time, q.Time), strings.Compare(p.Node, q.Node), cmp.Compare(p.Number, q.Number))
}

// Trace is an attempt with what all nodes together know of it.
type Trace struct {
	Attempt
	// Deliveries is how many connections got the message.
	Deliveries int
	// Node is the name of the node that recorded the attempt.
	Node string

	number uint64
}

// position returns the place of the attempt.
func (t *Trace) position() Position { return Position{t.Time.UnixNano(), t.Node, t.number} }

// question is what a node asks the other nodes.
type question struct {
	Room string `json:"room"`
	User string `json:"user,omitzero"`
}

// answer is what a node remembers of a room.
type answer struct {
	Node string `json:"node"`
	// Attempts are the newest first, each a numbered.
	Attempts []jsontext.Value `json:"attempts,omitzero"`
	Counts   []byte           `json:"counts,omitzero"`
}

// numbered is an attempt as nodes send it to each other.
type numbered struct {
	Number uint64 `json:"number"`
	Attempt
}

// mostAnswer bounds the attempts of an answer in bytes, so that it fits a message of NATS.
const mostAnswer = 512 << 10

// Answer answers a question of another node.
func (m *Memory) Answer(_ context.Context, body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	return json.Marshal(m.here(&q))
}

// here returns what this node remembers.
func (m *Memory) here(q *question) *answer {
	a := &answer{Node: m.Node}
	l := m.find(q.Room)
	if l == nil {
		return a
	}
	size := 0
	l.read(q.User, func(s *slot) bool {
		text, err := json.Marshal(numbered{s.number, s.attempt()})
		if size += len(text); err != nil || size > mostAnswer {
			return false
		}
		a.Attempts = append(a.Attempts, text)
		return true
	})
	a.Counts = l.counts.bytes()
	return a
}

// List returns a page of the attempts in a room over all nodes, the newest first; all pages
// together have at most perRoom. next is the position of the following page, or nil on the
// last page. Nodes that do not answer are left out.
func (m *Memory) List(ctx context.Context, q *Query) (page []Trace, next *Position) {
	ask := question{q.RoomID, q.UserID}
	answers := []*answer{m.here(&ask)}
	if body, err := json.Marshal(ask); err == nil && m.AskOthers != nil {
		others, _ := m.AskOthers(ctx, body)
		for _, b := range others {
			a := new(answer)
			if json.Unmarshal(b, a) == nil {
				answers = append(answers, a)
			}
		}
	}
	all := merge(answers)
	all = slices.DeleteFunc(all[:min(len(all), perRoom)], func(t Trace) bool {
		return q.Result != 0 && t.Result != q.Result || q.Before != nil && t.position().compare(*q.Before) >= 0
	})
	if len(all) > q.Limit {
		all = all[:q.Limit]
		last := all[q.Limit-1].position()
		next = &last
	}
	return all, next
}

// merge returns the attempts of all nodes, the newest first, each once.
func merge(answers []*answer) []Trace {
	counts := map[uint64]int{}
	var all []Trace
	byID := map[string]int{}
	for _, a := range answers {
		addTo(counts, a.Counts)
		for _, text := range a.Attempts {
			var n numbered
			if json.Unmarshal(text, &n) != nil {
				continue
			}
			t := Trace{Attempt: n.Attempt, Node: a.Node, number: n.Number}
			other, known := byID[t.ID]
			switch {
			case t.ID == "" || !known:
				byID[t.ID] = len(all)
				all = append(all, t)
			case t.surer(&all[other]):
				all[other] = t
			}
		}
	}
	for i := range all {
		if all[i].Result != Refused {
			all[i].Deliveries = counts[keyOf(all[i].ID)]
		}
	}
	slices.SortFunc(all, func(a, b Trace) int { return b.position().compare(a.position()) })
	return all
}

// surer reports whether the trace is the more reliable one of two of the same attempt. If a
// home was asked again, it may have delivered a message that failed before.
func (t *Trace) surer(other *Trace) bool {
	if t.Unsure != other.Unsure {
		return other.Unsure
	}
	return t.Result != Refused && other.Result == Refused
}
