package moderationops

import "context"

// DeleteContentFilterInput is what DeleteContentFilter takes.
type DeleteContentFilterInput struct {
	// The ARN of the room; a filter of every room if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
	// The name of the filter.
	FilterName *string `json:"name" rule:"required 1..128"`
}

// DeleteContentFilterOutput has no members.
type DeleteContentFilterOutput struct{}

// DeleteContentFilter deletes a filter of a room, or of every room.
func (s *Service) DeleteContentFilter(ctx context.Context, in *DeleteContentFilterInput) (*DeleteContentFilterOutput, error) {
	room, err := s.RoomOrEvery(ctx, in.RoomIdentifier, "DeleteContentFilter")
	if err != nil {
		return nil, err
	}
	if err := s.o.Filters.Delete(ctx, room, *in.FilterName); err != nil {
		return nil, err
	}
	return &DeleteContentFilterOutput{}, nil
}
