package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/iam"
)

// DisconnectUserInput is what DisconnectUser takes; RoomIdentifier, the ARN, and
// UserID are required.
type DisconnectUserInput struct {
	Reason         *string `json:"reason"`
	RoomIdentifier *string `json:"roomIdentifier"`
	UserID         *string `json:"userId"`
}

// DisconnectUserOutput has no members.
type DisconnectUserOutput struct{}

// DisconnectUser ends all connections of a user to a room and tells all clients
// there. It also succeeds when the user has no connection.
func (s *Service) DisconnectUser(ctx context.Context, in *DisconnectUserInput) (*DisconnectUserOutput, error) {
	var v api.Violations
	arn := v.ARN("roomIdentifier", in.RoomIdentifier, chat.RoomResource)
	user := v.Required("userId", in.UserID, userIDRule)
	reason := v.Text("reason", in.Reason, reasonRule)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := s.room(ctx, "DisconnectUser", arn); err != nil {
		return nil, err
	}
	if err := s.Live.DisconnectUser(ctx, arn.ID, user, reason, iam.CallFrom(ctx).Principal.ARN); err != nil {
		return nil, err
	}
	return &DisconnectUserOutput{}, nil
}
