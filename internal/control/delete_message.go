package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/iam"
)

// DeleteMessageInput is what DeleteMessage takes; RoomIdentifier, the ARN, and
// ID are required.
type DeleteMessageInput struct {
	ID             *string `json:"id"`
	Reason         *string `json:"reason"`
	RoomIdentifier *string `json:"roomIdentifier"`
}

// DeleteMessageOutput has the id of the operation, which is the id of the event that
// clients receive.
type DeleteMessageOutput struct {
	ID *string `json:"id,omitzero"`
}

// DeleteMessage tells all clients of a room to remove a message. Messages are not
// stored, so any id of the right form is accepted.
func (s *Service) DeleteMessage(ctx context.Context, in *DeleteMessageInput) (*DeleteMessageOutput, error) {
	var v api.Violations
	arn := v.ARN("roomIdentifier", in.RoomIdentifier, chat.RoomResource)
	message := v.Required("id", in.ID, messageIDRule)
	reason := v.Text("reason", in.Reason, reasonRule)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := s.room(ctx, "DeleteMessage", arn); err != nil {
		return nil, err
	}
	id, err := s.Live.DeleteMessage(ctx, arn.ID, message, reason, iam.CallFrom(ctx).Principal.ARN)
	if err != nil {
		return nil, err
	}
	return &DeleteMessageOutput{ID: &id}, nil
}
