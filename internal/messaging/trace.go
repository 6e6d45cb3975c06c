package messaging

import (
	"errors"
	"time"

	"confab/internal/chat"
	"confab/internal/traces"
)

// traced reports whether the operation is remembered.
func traced(e *Engine, op *Operation) bool {
	return e.o.Rules.Traces != nil && op.Action == chat.ActionSendMessage
}

// settle remembers the outcome of an operation at its home. If another home carries it out,
// or has done so before, it is remembered there. t may be nil.
func settle(t *traces.Recorder, e *Engine, r *room, op *Operation, outcome error) {
	if t == nil || errors.Is(outcome, ErrMoved) || errors.Is(outcome, ErrPublished) {
		return
	}
	t.Settle(op.Received, op.ID, op.UserID)
	refuse(&t.Attempt, outcome)
	var at *traces.Place
	if r != nil {
		at = &r.traces
	}
	e.o.Rules.Traces.Record(at, op.RoomID, &t.Attempt)
}

// refused remembers a message that does not reach its room's home, and returns the error.
// id is empty if the message has none.
func refused(e *Engine, r *room, id, userID string, received time.Time, err error) error {
	if e.o.Rules.Traces == nil {
		return err
	}
	a := traces.Attempt{Time: received, ID: id, UserID: userID, Total: traces.Micros(e.now().Sub(received))}
	a.Unsure = chat.CodeOf(err) == chat.Unavailable
	refuse(&a, err)
	e.o.Rules.Traces.Record(&r.traces, r.id, &a)
	return err
}

// refuse notes the error that has refused an attempt, if any.
func refuse(a *traces.Attempt, err error) {
	switch {
	case errors.Is(err, ErrKicked):
		a.Disconnect()
	case err != nil:
		a.Refuse(err)
	}
}

// RefuseMessage remembers a message of the client that is no valid frame, and returns the error.
func (s *Session) RefuseMessage(req Request, err error) error {
	if e, ok := errors.AsType[*chat.Error](err); ok {
		e.Rule = traces.RuleFrame
	}
	return s.refuse(req, "", err)
}

func (s *Session) refuse(req Request, id string, err error) error {
	return refused(s.engine, s.room, id, s.member.UserID, req.Received, err)
}
