package control

import (
	"context"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/store"
)

// ListRoomsInput is what ListRooms takes. Nothing is required. The three
// filters must all match; an empty one is ignored.
type ListRoomsInput struct {
	LoggingConfigurationIdentifier *string `json:"loggingConfigurationIdentifier"`
	MaxResults                     *int32  `json:"maxResults"`
	MessageReviewHandlerURI        *string `json:"messageReviewHandlerUri"`
	Name                           *string `json:"name"`
	NextToken                      *string `json:"nextToken"`
}

// ListRoomsOutput is a page of rooms; NextToken is absent on the last one.
type ListRoomsOutput struct {
	NextToken *string       `json:"nextToken,omitzero"`
	Rooms     []RoomSummary `json:"rooms"`
}

// ListRooms returns rooms, the most recently updated first. The name must match
// exactly. The logging configuration of the filter must exist.
func (s *Service) ListRooms(ctx context.Context, in *ListRoomsInput) (*ListRoomsOutput, error) {
	var v api.Violations
	var filter store.RoomFilter
	if v.Text("name", in.Name, nameRule) != "" {
		filter.Name = in.Name
	}
	if v.Text("messageReviewHandlerUri", in.MessageReviewHandlerURI, handlerURIRule) != "" {
		filter.HandlerURI = in.MessageReviewHandlerURI
	}
	if id := in.LoggingConfigurationIdentifier; id != nil {
		v.ARN("loggingConfigurationIdentifier", id, chat.LoggingConfigurationResource)
		filter.LoggingConfiguration = *id
	}
	limit, token := v.Page(in.MaxResults, in.NextToken)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := s.authorizeAny(ctx, "ListRooms", chat.RoomResource, iam.Keys{}); err != nil {
		return nil, err
	}
	rooms, next, err := s.Store.ListRooms(ctx, filter, limit, token)
	if err != nil {
		return nil, err
	}
	out := &ListRoomsOutput{Rooms: make([]RoomSummary, len(rooms)), NextToken: nextToken(next)}
	for i, r := range rooms {
		out.Rooms[i] = summarize(r)
	}
	return out, nil
}

// nextToken is absent on the last page.
func nextToken(next string) *string {
	if next == "" {
		return nil
	}
	return &next
}
