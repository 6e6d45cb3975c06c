package messaging

import (
	"context"
	"time"

	"confab/internal/chat"
	"confab/internal/traces"
)

// ServerMessage is a message that comes over HTTP from the application, not from a connection.
type ServerMessage struct {
	UserID           string
	Content          string
	Attributes       map[string]string
	SenderAttributes map[string]string
	// SkipReview is set if the room's message review handler is not asked. SenderIP is
	// what the handler gets as the sender's address.
	SkipReview bool
	SenderIP   string
}

// SendMessage delivers a message of the application to everybody in the room. The room's
// limits on length hold, its rate does not. It returns the message's Id and SendTime.
//
// Errors: Invalid (content empty or longer than the room allows, attributes too large),
// NotFound, Throttled (the account's rate), AccessDenied (review refused it).
func (e *Engine) SendMessage(ctx context.Context, roomID string, m *ServerMessage) (string, time.Time, error) {
	r, settings, err := e.acquire(ctx, roomID, nil)
	if err != nil {
		return "", time.Time{}, err
	}
	defer r.release(e)
	if err := m.check(settings); err != nil {
		return "", time.Time{}, refused(e, r, "", m.UserID, e.now(), err)
	}
	op := Operation{
		Action: chat.ActionSendMessage, ID: chat.NewID(), RoomID: roomID, Received: e.now(),
		Content: m.Content, Attributes: m.Attributes, UserID: m.UserID, SenderAttributes: m.SenderAttributes,
		SenderIP: m.SenderIP, FromServer: true, SkipReview: m.SkipReview,
	}
	id, err := e.home.Do(ctx, op)
	if chat.CodeOf(err) == chat.Unavailable {
		refused(e, r, op.ID, op.UserID, op.Received, err) //nolint:errcheck // It returns the same error.
	}
	if chat.CodeOf(err) == chat.Rejected {
		return "", time.Time{}, chat.Errorf(chat.AccessDenied, "The room's message review handler refused the message: %v", err)
	}
	return id, op.Received, err
}

// check returns what is wrong with the message in a room with these settings.
func (m *ServerMessage) check(settings *chat.Room) error {
	switch n := messageLength(m.Content); {
	case !chat.Visible(m.Content):
		return chat.InvalidField("content", "must hold something besides white space").By(traces.RuleContent)
	case n > settings.MaximumMessageLength:
		return chat.InvalidField("content", "must have at most %d characters, this has %d", settings.MaximumMessageLength, n).By(traces.RuleLength)
	}
	if n := chat.AttributesSize(m.Attributes); n > chat.MaxAttributes {
		return chat.InvalidField("attributes", "must have at most %d bytes of keys and values in total, these have %d", chat.MaxAttributes, n).By(traces.RuleAttributes)
	}
	return nil
}
