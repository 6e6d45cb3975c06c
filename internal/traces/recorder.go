package traces

import (
	"cmp"
	"errors"
	"time"

	"confab/internal/chat"
)

// The rules that are not those of bans, modes and filters, as traces name them.
const (
	RuleSession      = "session"
	RuleCapability   = "capability"
	RuleRequestID    = "request-id"
	RuleFrame        = "frame"
	RuleContent      = "content"
	RuleLength       = "length"
	RuleAttributes   = "attributes"
	RuleConnection   = "connection-rate"
	RuleRoomRate     = "room-rate"
	RuleAccountRate  = "account-rate"
	RuleHide         = "hide"
	RuleHideLater    = "hide:upgrade" // until all nodes can hide messages
	ruleReview       = "review"
	ruleFallback     = "review:fallback"
	ruleTranscript   = "transcript:unavailable"
	ruleRoom         = "room"
	ruleDisconnected = "disconnected"
	ruleUnavailable  = "unavailable"
	ruleInternal     = "internal"
)

// Recorder notes what is remembered of a message on its way through its home. A nil Recorder
// remembers nothing.
type Recorder struct {
	Attempt
	now   func() time.Time
	began time.Time // the present stage
}

// Start returns the Recorder of a message that is delivered unless it becomes something else.
func Start(now func() time.Time) Recorder {
	return Recorder{Attempt: Attempt{Result: Delivered}, now: now}
}

// Begin begins a stage.
func (t *Recorder) Begin() {
	if t != nil {
		t.began = t.now()
	}
}

// Took ends a stage, and begins the next one.
func (t *Recorder) Took(s Stage) {
	if t != nil {
		now := t.now()
		t.Add(s, now.Sub(t.began))
		t.began = now
	}
}

// Becomes notes what came of the message, unless it is refused later, and by which rule.
func (t *Recorder) Becomes(result Result, rule string) {
	if t != nil {
		t.Result, t.Rule = result, rule
	}
}

// Judged notes that rules hide or change the message, and which one.
func (t *Recorder) Judged(hidden, changed bool, rule string) {
	switch {
	case t == nil || t.Result == Hidden: // A ban hides it.
	case hidden:
		t.Becomes(Hidden, rule)
	case changed:
		t.Becomes(Changed, rule)
	}
}

// Reviewed notes that a handler has changed the message, or that the fallback result has
// decided.
func (t *Recorder) Reviewed(changed, fallback bool) {
	switch {
	case t == nil:
	case changed:
		t.Becomes(max(t.Result, Changed), ruleReview) // A hidden message stays hidden.
	case fallback && t.Rule == "":
		t.Rule = ruleFallback
	}
}

// Unstored notes that the transcript does not store frames now.
func (t *Recorder) Unstored() {
	if t != nil && t.Rule == "" {
		t.Rule = ruleTranscript
	}
}

// Settle completes the attempt of a message with this id, which the service received at a
// time.
func (t *Recorder) Settle(received time.Time, id, userID string) {
	t.Time, t.ID, t.UserID = received, id, userID
	t.Total = Micros(t.now().Sub(received))
}

// Refuse makes the attempt one that an error has refused.
func (a *Attempt) Refuse(err error) {
	code := chat.CodeOf(err)
	a.Result, a.Rule = Refused, ruleInternal
	a.ErrorCode, a.ErrorMessage = code.Wire().ErrorCode, "Internal error"
	if e, ok := errors.AsType[*chat.Error](err); ok && code != chat.Internal {
		a.ErrorMessage, a.Rule = e.Message, cmp.Or(e.Rule, ruleOf(code))
	}
}

// Disconnect makes the attempt one of a session whose user was disconnected meanwhile. Its
// client gets no ERROR frame.
func (a *Attempt) Disconnect() { a.Result, a.Rule = Refused, ruleDisconnected }

// ruleOf names the rule that refuses with a code, if the error does not name it.
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

// DeniedBy names what has denied a message that was reviewed.
func DeniedBy(fallback bool, err error) error {
	if e, ok := errors.AsType[*chat.Error](err); ok && e.Code == chat.Rejected {
		e = new(*e) // A copy: retries may get the same error.
		if e.Rule = ruleReview; fallback {
			e.Rule = ruleFallback
		}
		return e
	}
	return err
}
