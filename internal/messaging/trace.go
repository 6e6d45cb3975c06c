package messaging

import (
	"cmp"
	"errors"
	"time"

	"confab/internal/chat"
	"confab/internal/traces"
)

// The rules that are not those of bans, modes and filters, as traces name them.
const (
	ruleSession      = "session"
	ruleCapability   = "capability"
	ruleRequestID    = "request-id"
	ruleFrame        = "frame"
	ruleContent      = "content"
	ruleLength       = "length"
	ruleAttributes   = "attributes"
	ruleConnection   = "connection-rate"
	ruleRoomRate     = "room-rate"
	ruleAccountRate  = "account-rate"
	ruleReview       = "review"
	ruleFallback     = "review:fallback"
	ruleTranscript   = "transcript:unavailable"
	ruleHide         = "hide"
	ruleHideLater    = "hide:upgrade" // not before all nodes can
	ruleRoom         = "room"
	ruleDisconnected = "disconnected"
	ruleUnavailable  = "unavailable"
	ruleInternal     = "internal"
)

// trace is what is remembered of a message on its way through its home. A nil trace
// remembers nothing.
type trace struct {
	traces.Attempt
	now   func() time.Time
	began time.Time // the present stage
}

// traced reports whether the operation is remembered.
func traced(e *Engine, op *Operation) bool {
	return e.o.Rules.Traces != nil && op.Action == chat.ActionSendMessage
}

// begin begins a stage.
func (t *trace) begin() {
	if t != nil {
		t.began = t.now()
	}
}

// spent ends a stage, and begins the next one.
func (t *trace) spent(s traces.Stage) {
	if t != nil {
		now := t.now()
		t.Add(s, now.Sub(t.began))
		t.began = now
	}
}

// becomes notes what came of the message, unless it is refused later, and by which rule.
func (t *trace) becomes(result traces.Result, rule string) {
	if t != nil {
		t.Result, t.Rule = result, rule
	}
}

// judged notes what rules have made of the message.
func (t *trace) judged(j *Judgement) {
	switch {
	case t == nil || t.Result == traces.Hidden: // By a ban.
	case j.Hidden:
		t.becomes(traces.Hidden, j.Rule)
	case j.Content != j.Operation.Content:
		t.becomes(traces.Changed, j.Rule)
	}
}

// reviewed notes that a handler has changed the message, or that the fallback result has
// decided.
func (t *trace) reviewed(changed, fallback bool) {
	switch {
	case t == nil:
	case changed:
		t.becomes(max(t.Result, traces.Changed), ruleReview) // A message that is hidden stays so.
	case fallback && t.Rule == "":
		t.Rule = ruleFallback
	}
}

// deniedBy names what has denied a message that was reviewed.
func deniedBy(fallback bool, err error) error {
	if e, ok := errors.AsType[*chat.Error](err); ok && e.Code == chat.Rejected {
		e = new(*e) // Retries may get the same error.
		if e.Rule = ruleReview; fallback {
			e.Rule = ruleFallback
		}
		return e
	}
	return err
}

// unstored notes that the transcript does not store frames now.
func (t *trace) unstored(to Transcript) {
	if t != nil && t.Rule == "" && to.Failing() {
		t.Rule = ruleTranscript
	}
}

// settle remembers the outcome of an operation at its home. What another home does, or has
// done before, is remembered there.
func (t *trace) settle(e *Engine, r *room, op *Operation, outcome error) {
	if t == nil || errors.Is(outcome, ErrMoved) || errors.Is(outcome, ErrPublished) {
		return
	}
	t.Time, t.ID, t.UserID = op.Received, op.ID, op.UserID
	t.Total = traces.Micros(e.now().Sub(op.Received))
	if outcome != nil {
		refusal(&t.Attempt, outcome)
	}
	e.o.Rules.Traces.Record(placeOf(r), op.RoomID, &t.Attempt)
}

// refused remembers a message that does not come to its room's home, and returns the error.
// id is empty if the message has none.
func refused(e *Engine, r *room, id, userID string, received time.Time, err error) error {
	if e.o.Rules.Traces == nil {
		return err
	}
	a := traces.Attempt{Time: received, ID: id, UserID: userID, Total: traces.Micros(e.now().Sub(received))}
	a.Unsure = chat.CodeOf(err) == chat.Unavailable
	refusal(&a, err)
	e.o.Rules.Traces.Record(&r.traces, r.id, &a)
	return err
}

func placeOf(r *room) *traces.Place {
	if r == nil {
		return nil
	}
	return &r.traces
}

// refusal makes the attempt one that an error has refused.
func refusal(a *traces.Attempt, err error) {
	a.Result, a.Rule = traces.Refused, ruleInternal
	if errors.Is(err, ErrKicked) { // The client gets no ERROR frame.
		a.Rule = ruleDisconnected
		return
	}
	code := chat.CodeOf(err)
	a.ErrorCode, a.ErrorMessage = code.Wire().ErrorCode, "Internal error"
	if e, ok := errors.AsType[*chat.Error](err); ok && code != chat.Internal {
		a.ErrorMessage, a.Rule = e.Message, cmp.Or(e.Rule, ruleOf(code))
	}
}

// ruleOf names what refuses with a code, if the error does not.
func ruleOf(code chat.Code) string {
	switch code {
	case chat.NotFound:
		return ruleRoom
	case chat.Rejected:
		return ruleReview
	case chat.Unavailable:
		return ruleUnavailable
	}
	return code.String()
}

// RefuseMessage remembers a message of the client that is no valid frame, and returns the
// error.
func (s *Session) RefuseMessage(req Request, err error) error {
	if e, ok := errors.AsType[*chat.Error](err); ok {
		e.Rule = ruleFrame
	}
	return s.refuse(req, "", err)
}

func (s *Session) refuse(req Request, id string, err error) error {
	return refused(s.engine, s.room, id, s.token.UserID, req.Received, err)
}
