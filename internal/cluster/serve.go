package cluster

import (
	"context"
	"errors"
	"time"

	"confab/internal/chat"
	"confab/internal/messaging"
	"confab/internal/protocol"
	"confab/internal/view"
)

// call is an operation that another node asked for. Its answer is kept for a while:
// a node that asks again gets the same.
type call struct {
	id     string
	view   view.ID // of the asking node when it asked last; guarded by Node.mu
	began  time.Time
	done   chan struct{}
	answer protocol.DoAnswer // readable once done is closed
}

// calls are the operations that other nodes asked for, by id and by age.
type calls struct {
	byID  map[string]*call
	byAge []*call
}

// begin returns the call of an operation, and whether there is one already.
func (s *calls) begin(id string, view view.ID, now time.Time) (c *call, known bool) {
	if c := s.byID[id]; c != nil {
		c.view = view
		return c, true
	}
	c = &call{id: id, view: view, began: now, done: make(chan struct{})}
	s.byID[id] = c
	s.byAge = append(s.byAge, c)
	return c, false
}

// expire removes calls that no node asks for any more.
func (s *calls) expire(now time.Time) {
	for len(s.byAge) > 0 && now.Sub(s.byAge[0].began) > protocol.CallsLast {
		delete(s.byID, s.byAge[0].id)
		s.byAge[0] = nil
		s.byAge = s.byAge[1:]
	}
}

// onDo answers a question to carry an operation out. A quiet one that succeeds is answered
// by the frame.
func (r requests) onDo(data []byte, reply func([]byte)) {
	q, err := protocol.ReadDoQuestion(data)
	if err != nil {
		return
	}
	a := r.do(q)
	if q.Quiet && a.ID != "" {
		return
	}
	if data, err := a.Bytes(protocol.IsCompact(data)); err == nil {
		reply(data)
	}
}

// do carries out what another node asks of this one as a room's home.
func (r requests) do(q protocol.DoQuestion) protocol.DoAnswer {
	n := r.node
	n.mu.Lock()
	if q.View != n.view.ID {
		n.mu.Unlock()
		return protocol.DoAnswer{Moved: true}
	}
	c, known := n.calls.begin(q.Op.ID, q.View, time.Now())
	n.mu.Unlock()
	if known {
		<-c.done
		return c.answer
	}
	ctx, cancel := context.WithTimeout(n.ctx, protocol.DoWithin)
	defer cancel()
	id, err := n.engine.Sequence(ctx, q.Op)
	switch {
	case errors.Is(err, messaging.ErrMoved):
		c.answer.Moved = true
	case errors.Is(err, messaging.ErrKicked):
		c.answer.Kicked = true
	case err != nil:
		c.answer.Error = protocol.NewError(err)
	default:
		c.answer.ID = id
	}
	if c.answer.Moved || err != nil && chat.CodeOf(err) == chat.Unavailable {
		n.mu.Lock()
		delete(n.calls.byID, c.id) // A repeated question may have more luck.
		n.mu.Unlock()
	}
	close(c.done)
	return c.answer
}
