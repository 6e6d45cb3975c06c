package control

import (
	"context"
	"slices"

	"confab/internal/api"
	"confab/internal/chat"
)

// MessageReviewHandler reviews a room's messages.
type MessageReviewHandler struct {
	FallbackResult *string `json:"fallbackResult,omitzero"`
	URI            *string `json:"uri,omitzero"`
}

// Room is a room as its three operations return it.
type Room struct {
	ARN                             *string               `json:"arn,omitzero"`
	CreateTime                      *string               `json:"createTime,omitzero"`
	ID                              *string               `json:"id,omitzero"`
	LoggingConfigurationIdentifiers []string              `json:"loggingConfigurationIdentifiers,omitzero"`
	MaximumMessageLength            *int32                `json:"maximumMessageLength,omitzero"`
	MaximumMessageRatePerSecond     *int32                `json:"maximumMessageRatePerSecond,omitzero"`
	MessageReviewHandler            *MessageReviewHandler `json:"messageReviewHandler,omitzero"`
	Name                            *string               `json:"name,omitzero"`
	Tags                            map[string]string     `json:"tags,omitzero"`
	UpdateTime                      *string               `json:"updateTime,omitzero"`
}

// RoomSummary is a room as ListRooms returns it.
type RoomSummary struct {
	ARN                             *string               `json:"arn,omitzero"`
	CreateTime                      *string               `json:"createTime,omitzero"`
	ID                              *string               `json:"id,omitzero"`
	LoggingConfigurationIdentifiers []string              `json:"loggingConfigurationIdentifiers,omitzero"`
	MessageReviewHandler            *MessageReviewHandler `json:"messageReviewHandler,omitzero"`
	Name                            *string               `json:"name,omitzero"`
	Tags                            map[string]string     `json:"tags,omitzero"`
	UpdateTime                      *string               `json:"updateTime,omitzero"`
}

// summarize returns what the room and its summary have in common: tags always; a
// name, a handler and logging configurations only if they were given.
func summarize(r *chat.Room) RoomSummary {
	s := RoomSummary{
		ARN:                             new(r.ARN.String()),
		CreateTime:                      new(chat.FormatTime(r.CreateTime)),
		ID:                              new(r.ARN.ID),
		LoggingConfigurationIdentifiers: r.LoggingConfigurations,
		Tags:                            tagsOrEmpty(r.Tags),
		UpdateTime:                      new(chat.FormatTime(r.UpdateTime)),
	}
	if r.Name != "" {
		s.Name = &r.Name
	}
	if h := r.MessageReviewHandler; h != nil {
		s.MessageReviewHandler = &MessageReviewHandler{URI: &h.URI, FallbackResult: new(string(h.FallbackResult))}
	}
	return s
}

// show returns the room as operations return it.
func show(r *chat.Room) *Room {
	s := summarize(r)
	return &Room{
		ARN: s.ARN, CreateTime: s.CreateTime, ID: s.ID,
		LoggingConfigurationIdentifiers: s.LoggingConfigurationIdentifiers,
		MaximumMessageLength:            new(int32(r.MaximumMessageLength)),
		MaximumMessageRatePerSecond:     new(int32(r.MaximumMessageRatePerSecond)),
		MessageReviewHandler:            s.MessageReviewHandler,
		Name:                            s.Name, Tags: s.Tags, UpdateTime: s.UpdateTime,
	}
}

// checkHandler checks a room's message review handler.
func checkHandler(v *api.Violations, h *MessageReviewHandler) {
	if h == nil {
		return
	}
	v.Text("uri", h.URI, handlerURIRule)
	if f := h.FallbackResult; f != nil && *f != string(chat.Allow) && *f != string(chat.Deny) {
		v.Add("fallbackResult", "must be ALLOW or DENY, this is %.64q", *f)
	}
}

// apply changes only the given members of a room's handler. An empty uri removes the
// handler, and stays visible.
func (h *MessageReviewHandler) apply(r *chat.Room) {
	if h == nil || h.URI == nil && h.FallbackResult == nil {
		return
	}
	to := chat.MessageReviewHandler{FallbackResult: chat.Allow}
	if r.MessageReviewHandler != nil {
		to = *r.MessageReviewHandler
	}
	if h.URI != nil {
		to.URI = *h.URI
	}
	if h.FallbackResult != nil {
		to.FallbackResult = chat.FallbackResult(*h.FallbackResult)
	}
	r.MessageReviewHandler = &to
}

// check checks whether the handler of a request may be invoked.
func (h *MessageReviewHandler) check(ctx context.Context, s *Service) error {
	if h == nil || h.URI == nil || *h.URI == "" {
		return nil
	}
	return s.CheckHandler(ctx, *h.URI)
}

// checkLoggingConfigurations checks the logging configurations of a room.
func checkLoggingConfigurations(v *api.Violations, identifiers []string) {
	const member = "loggingConfigurationIdentifiers"
	if len(identifiers) > chat.MaxRoomLogging {
		v.Add(member, "must have at most %d items, these are %d", chat.MaxRoomLogging, len(identifiers))
		return
	}
	for i, id := range identifiers {
		v.ARN(member, &id, chat.LoggingConfigurationResource)
		if slices.Contains(identifiers[:i], id) {
			v.Add(member, "must not name one twice: %s", id)
		}
	}
}
