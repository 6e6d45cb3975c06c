package control

import (
	"context"
	"maps"
	"slices"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/quota"
)

// CreateRoomInput is what CreateRoom takes. Nothing is required.
type CreateRoomInput struct {
	LoggingConfigurationIdentifiers []string              `json:"loggingConfigurationIdentifiers"`
	MaximumMessageLength            *int32                `json:"maximumMessageLength"`
	MaximumMessageRatePerSecond     *int32                `json:"maximumMessageRatePerSecond"`
	MessageReviewHandler            *MessageReviewHandler `json:"messageReviewHandler"`
	Name                            *string               `json:"name"`
	Tags                            map[string]string     `json:"tags"`
}

// CreateRoomOutput is the new room, with defaults filled in.
type CreateRoomOutput Room

// CreateRoom makes a room. Its logging configurations must exist, and its message
// review handler must be callable.
func (s *Service) CreateRoom(ctx context.Context, in *CreateRoomInput) (*CreateRoomOutput, error) {
	var v api.Violations
	room := &chat.Room{
		ARN:                         s.newARN(chat.RoomResource),
		Name:                        v.Text("name", in.Name, nameRule),
		MaximumMessageLength:        v.Number("maximumMessageLength", in.MaximumMessageLength, chat.MaxMessageLength, chat.DefaultMessageLength),
		MaximumMessageRatePerSecond: v.Number("maximumMessageRatePerSecond", in.MaximumMessageRatePerSecond, chat.MaxMessageRate, chat.DefaultMessageRate),
		Tags:                        in.Tags,
	}
	checkHandler(&v, in.MessageReviewHandler)
	checkLoggingConfigurations(&v, in.LoggingConfigurationIdentifiers)
	s.checkRoomTags(&v, in.Tags)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if err := s.authorizeCreate(ctx, "CreateRoom", chat.RoomResource, in.Tags); err != nil {
		return nil, err
	}
	if err := s.authorizeConfigure(ctx, s.every(chat.RoomResource), iam.Keys{RequestTags: in.Tags}, maps.Keys(in.Tags)); err != nil {
		return nil, err
	}
	if len(in.LoggingConfigurationIdentifiers) > 0 {
		room.LoggingConfigurations = slices.Clone(in.LoggingConfigurationIdentifiers)
	}
	if err := in.MessageReviewHandler.check(ctx, s); err != nil {
		return nil, err
	}
	in.MessageReviewHandler.apply(room)
	if err := s.Store.CreateRoom(ctx, room, s.Quotas.Limit(quota.Rooms)); err != nil {
		return nil, err
	}
	return (*CreateRoomOutput)(show(room)), nil
}
