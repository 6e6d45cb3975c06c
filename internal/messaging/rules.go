package messaging

import (
	"context"
	"errors"
	"time"

	"confab/internal/chat"
	"confab/internal/traces"
)

// Rule decides about the messages of clients, at the home of their room. Messages over HTTP
// pass no rule. A message passes, in this order:
//
//	Options.Bans    may the user send, and do others get it
//	Rules.Modes     who may send what, and how often
//	                the rates of the room and of the account
//	Rules.Filters   what is said
//	                the room's message review handler
//
// The first that refuses ends it, and undoes what those before it have counted.
type Rule interface {
	// Applies reports whether Judge does anything in a room with these tags and modes. It
	// is asked first about each message, so that rooms without rules pay nothing for them.
	Applies(roomID string, x *chat.Extensions) bool
	// Judge returns an error with words for the sender if it refuses the message: AccessDenied
	// (403), Rejected (406) or Throttled (429). It may change Content, set Hidden and Rule, and
	// call Undo. It may be called again for one Operation.ID, when a cluster changes.
	Judge(ctx context.Context, j *Judgement) error
}

// Rules are the rules of all rooms, and the memory of what came of messages. Nil decides nothing.
type Rules struct {
	Modes   Rule
	Filters Rule
	// Clock is the clock by which the modes of rooms end. Nil is Options.Now.
	Clock func() time.Time
	// Said is called for each frame with chat.Frame.Said that arrives at this node. It does
	// not block. Nil does nothing.
	Said func(f *chat.Frame)
	// Moderated is called at the home for each deletion and disconnect that was carried
	// out, except those of the server itself (Operation.FromServer). It may be called twice
	// for one of them. It does not block. Nil does nothing.
	Moderated func(op Operation)
	// Traces remembers the outcome of each message. Nil remembers nothing.
	Traces *traces.Memory
}

// Judgement is a message on its way through the rules.
type Judgement struct {
	// Operation is the request, and Room the room. They must not be changed.
	Operation *Operation
	Room      *chat.Room
	// Extensions are the room's tags with its modes.
	Extensions chat.Extensions
	Turn       Turn
	Now        time.Time
	// Content is what will be delivered.
	Content string
	// Hidden is set if only the sender's own connections get the message.
	Hidden bool
	// Said is what the room's next home must know about the message.
	Said *chat.Said
	// Rule names the rule that hides or changes the message. One that refuses it is named
	// by its error.
	Rule string

	modes, filters Rule // nil if they do not apply to the room
	undo           []func()
}

// Undo has f called if the message is not delivered. f does not block.
func (j *Judgement) Undo(f func()) { j.undo = append(j.undo, f) }

// undone calls the functions that were passed to Undo.
func (j *Judgement) undone() {
	for _, f := range j.undo {
		f()
	}
	j.undo = nil
}

// settle calls undone, unless the message is delivered or may still be.
func (j *Judgement) settle(outcome error) {
	if outcome != nil && !errors.Is(outcome, ErrPublished) && chat.CodeOf(outcome) != chat.Unavailable {
		j.undone()
	}
}

// moderated calls Moderated for an operation that has deleted or disconnected something.
func (r *Rules) moderated(op *Operation, outcome error) {
	if r.Moderated == nil || outcome != nil || op.FromServer {
		return
	}
	if op.Action == chat.ActionDeleteMessage || op.Action == chat.ActionDisconnectUser {
		r.Moderated(*op) // Not a pointer, so that op stays on the stack.
	}
}

// judgement returns the subject of the rules, or nil if no rule applies to the operation.
func (r *room) judgement(e *Engine, settings *chat.Room, op *Operation, turn Turn) *Judgement {
	if op.Action != chat.ActionSendMessage || op.FromServer {
		return nil
	}
	x := &r.state.Load().extensions
	if len(settings.Modes) > 0 {
		x = new(x.With(settings.Modes, e.o.Rules.Clock()))
	}
	modes, filters := applying(e.o.Rules.Modes, op.RoomID, x), applying(e.o.Rules.Filters, op.RoomID, x)
	if modes == nil && filters == nil {
		return nil
	}
	kept := *op // A copy, so that op itself can stay on the stack.
	return &Judgement{Operation: &kept, Room: settings, Extensions: *x, Turn: turn, Now: e.now(), Content: op.Content, modes: modes, filters: filters}
}

// applying returns the rule if it applies, or nil.
func applying(rule Rule, roomID string, x *chat.Extensions) Rule {
	if rule == nil || !rule.Applies(roomID, x) {
		return nil
	}
	return rule
}

// passModes asks the rule about the room's modes, if it applies.
func (j *Judgement) passModes(ctx context.Context) error {
	if j == nil || j.modes == nil {
		return nil
	}
	return j.modes.Judge(ctx, j)
}

// passFilters asks the rule about the content of the message, if it applies.
func (j *Judgement) passFilters(ctx context.Context, t *traces.Recorder) error {
	if j == nil || j.filters == nil {
		return nil
	}
	t.Begin()
	err := j.filters.Judge(ctx, j)
	t.Took(traces.Filter)
	t.Judged(j.Hidden, j.Content != j.Operation.Content, j.Rule)
	return err
}
