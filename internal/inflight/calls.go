package inflight

import (
	"time"

	"confab/internal/protocol"
	"confab/internal/view"
)

// Call is an operation that another node asked for. Its answer is kept for a while: a node that
// asks again gets the same.
type Call struct {
	id    string
	view  view.ID
	began time.Time
	done  chan struct{}
	// answer is readable once done is closed.
	answer protocol.DoAnswer
}

// Calls are the operations that other nodes asked for, by id and by age.
type Calls struct {
	byID  map[string]*Call
	byAge []*Call
}

// NewCalls returns no calls.
func NewCalls() Calls { return Calls{byID: map[string]*Call{}} }

// Begin returns the call of an operation that a node asks for in a view, and whether there is
// one already.
func (s *Calls) Begin(id string, in view.ID, now time.Time) (c *Call, known bool) {
	if c := s.byID[id]; c != nil {
		c.view = in
		return c, true
	}
	c = &Call{id: id, view: in, began: now, done: make(chan struct{})}
	s.byID[id] = c
	s.byAge = append(s.byAge, c)
	return c, false
}

// Forget has a repeated question carried out anew: it may have more luck.
func (s *Calls) Forget(c *Call) { delete(s.byID, c.id) }

// Expire removes calls that no node asks for any more.
func (s *Calls) Expire(now time.Time) {
	for len(s.byAge) > 0 && now.Sub(s.byAge[0].began) > protocol.CallsLast {
		delete(s.byID, s.byAge[0].id)
		s.byAge[0] = nil
		s.byAge = s.byAge[1:]
	}
}

// AskedOutside reports whether another node asked for an operation, and did so last in another
// view than this one.
func (s *Calls) AskedOutside(in view.ID, id string) bool {
	c := s.byID[id]
	return c != nil && c.view != in
}

// Answer ends the call. No lock is needed.
func (c *Call) Answer(a protocol.DoAnswer) {
	c.answer = a
	close(c.done)
}

// Wait returns the answer once there is one. No lock is needed.
func (c *Call) Wait() protocol.DoAnswer {
	<-c.done
	return c.answer
}
