package control

import (
	"context"
	"strings"

	"confab/internal/api"
	"confab/internal/chat"
)

// SendEventInput is what SendEvent takes; RoomIdentifier, the ARN, and EventName
// are required.
type SendEventInput struct {
	Attributes     map[string]string `json:"attributes"`
	EventName      *string           `json:"eventName"`
	RoomIdentifier *string           `json:"roomIdentifier"`
}

// SendEventOutput has the id of the event.
type SendEventOutput struct {
	ID *string `json:"id,omitzero"`
}

// SendEvent sends an application's own event to all clients of a room. The names of
// the service's events cannot be used.
func (s *Service) SendEvent(ctx context.Context, in *SendEventInput) (*SendEventOutput, error) {
	var v api.Violations
	arn := v.ARN("roomIdentifier", in.RoomIdentifier, chat.RoomResource)
	name := v.Required("eventName", in.EventName, eventNameRule)
	if strings.HasPrefix(name, "aws:") {
		v.Add("eventName", "must not begin with aws:, which is reserved for the events of the service")
	}
	v.Attributes("attributes", in.Attributes, s.MaxEventAttributes)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := s.room(ctx, "SendEvent", arn); err != nil {
		return nil, err
	}
	id, err := s.Live.SendEvent(ctx, arn.ID, name, in.Attributes)
	if err != nil {
		return nil, err
	}
	return &SendEventOutput{ID: &id}, nil
}
