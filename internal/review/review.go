// Package review asks a room's message review handler about a message, and
// applies the room's fallback result when there is no valid answer (IVS Chat
// user guide, "Chat Message Review Handler").
package review

import (
	"context"

	"confab/internal/chat"
	"confab/internal/telemetry"
)

// Fallback is a reviewer that can invoke no handler: the fallback result of the
// room decides on every message, as it does on the service when a handler is
// missing, and every message counts as an invocation error.
type Fallback struct {
	Metrics *telemetry.Metrics
}

// Review delivers the original message when the room's fallback result is
// ALLOW, and is Rejected when it is DENY.
func (f Fallback) Review(_ context.Context, room *chat.Room, m *chat.Message, _ string) (*chat.Message, error) {
	h := room.MessageReviewHandler
	f.Metrics.InvocationErrors.WithLabelValues(h.URI).Inc()
	if h.FallbackResult == chat.Deny {
		// Id is the message's own (Messaging API reference, "Error").
		return nil, &chat.Error{Code: chat.Rejected, Message: "Message was rejected", ID: m.ID}
	}
	return m, nil
}
