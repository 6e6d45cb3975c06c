package control

import (
	"context"
	"slices"

	"confab/internal/api"
	"confab/internal/chat"
)

// UpdateRoomInput is what UpdateRoom takes; Identifier, the ARN, is required.
type UpdateRoomInput struct {
	Identifier *string `json:"identifier"`
	// LoggingConfigurationIdentifiers replaces the whole list; an empty one removes
	// all.
	LoggingConfigurationIdentifiers []string `json:"loggingConfigurationIdentifiers"`
	MaximumMessageLength            *int32   `json:"maximumMessageLength"`
	MaximumMessageRatePerSecond     *int32   `json:"maximumMessageRatePerSecond"`
	// MessageReviewHandler changes the given members; an empty uri removes the
	// handler.
	MessageReviewHandler *MessageReviewHandler `json:"messageReviewHandler"`
	Name                 *string               `json:"name"`
}

// UpdateRoomOutput is the room as it is now.
type UpdateRoomOutput Room

// UpdateRoom changes the settings of a room that are present in the request. They
// apply from the next message on, also to connected clients.
func (s *Service) UpdateRoom(ctx context.Context, in *UpdateRoomInput) (*UpdateRoomOutput, error) {
	var v api.Violations
	arn := v.ARN("identifier", in.Identifier, chat.RoomResource)
	v.Text("name", in.Name, nameRule)
	length := v.Number("maximumMessageLength", in.MaximumMessageLength, chat.MaxMessageLength, 0)
	rate := v.Number("maximumMessageRatePerSecond", in.MaximumMessageRatePerSecond, chat.MaxMessageRate, 0)
	checkHandler(&v, in.MessageReviewHandler)
	checkLoggingConfigurations(&v, in.LoggingConfigurationIdentifiers)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := s.room(ctx, "UpdateRoom", arn); err != nil {
		return nil, err
	}
	if err := in.MessageReviewHandler.check(ctx, s); err != nil {
		return nil, err
	}
	room, err := s.Store.UpdateRoom(ctx, arn.ID, func(r *chat.Room) error {
		if in.Name != nil {
			r.Name = *in.Name
		}
		if in.MaximumMessageLength != nil {
			r.MaximumMessageLength = length
		}
		if in.MaximumMessageRatePerSecond != nil {
			r.MaximumMessageRatePerSecond = rate
		}
		if in.LoggingConfigurationIdentifiers != nil {
			r.LoggingConfigurations = slices.Clone(in.LoggingConfigurationIdentifiers)
		}
		in.MessageReviewHandler.apply(r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.changed(ctx, arn)
	return (*UpdateRoomOutput)(show(room)), nil
}
