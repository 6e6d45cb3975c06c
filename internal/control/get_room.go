package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
)

// GetRoomInput is what GetRoom takes; Identifier, the ARN, is required.
type GetRoomInput struct {
	Identifier *string `json:"identifier"`
}

// GetRoomOutput is the room.
type GetRoomOutput Room

// GetRoom returns a room.
func (s *Service) GetRoom(ctx context.Context, in *GetRoomInput) (*GetRoomOutput, error) {
	var v api.Violations
	arn := v.ARN("identifier", in.Identifier, chat.RoomResource)
	if err := v.Err(); err != nil {
		return nil, err
	}
	room, err := s.room(ctx, "GetRoom", arn)
	if err != nil {
		return nil, err
	}
	return (*GetRoomOutput)(show(room)), nil
}
