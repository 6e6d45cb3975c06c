package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
)

// DeleteRoomInput is what DeleteRoom takes; Identifier, the ARN, is required.
type DeleteRoomInput struct {
	Identifier *string `json:"identifier"`
}

// DeleteRoomOutput has no members.
type DeleteRoomOutput struct{}

// DeleteRoom deletes a room. Its clients stay connected, but cannot send any more.
func (s *Service) DeleteRoom(ctx context.Context, in *DeleteRoomInput) (*DeleteRoomOutput, error) {
	var v api.Violations
	arn := v.ARN("identifier", in.Identifier, chat.RoomResource)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := s.room(ctx, "DeleteRoom", arn); err != nil {
		return nil, err
	}
	if err := s.Store.DeleteRoom(ctx, arn.ID); err != nil {
		return nil, err
	}
	s.changed(ctx, arn)
	return &DeleteRoomOutput{}, nil
}
