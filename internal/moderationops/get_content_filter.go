package moderationops

import "context"

// GetContentFilterInput is what GetContentFilter takes.
type GetContentFilterInput struct {
	// The ARN of the room; a filter of every room if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
	// The name of the filter.
	FilterName *string `json:"name" rule:"required 1..128"`
}

// GetContentFilterOutput is the filter.
type GetContentFilterOutput = ContentFilter

// GetContentFilter returns a filter of a room, or of every room, with its rules.
func (s *Service) GetContentFilter(ctx context.Context, in *GetContentFilterInput) (*GetContentFilterOutput, error) {
	room, err := s.RoomOrEvery(ctx, in.RoomIdentifier, "GetContentFilter")
	if err != nil {
		return nil, err
	}
	f, err := s.o.Filters.Get(ctx, room, *in.FilterName)
	if err != nil {
		return nil, err
	}
	return s.showFilter(f), nil
}
