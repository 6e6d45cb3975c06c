package webhookops

import (
	"context"

	"confab/internal/webhook"
)

// CreateWebhookInput is what CreateWebhook takes. Without roomIdentifiers and roomTag, the
// webhook gets the events of every room.
type CreateWebhookInput struct {
	// The name of the webhook. Commands find the webhook by it.
	Name *string `json:"name" rule:"required 1..64"`
	// The URL of the endpoint, https://….
	URL *string `json:"url" rule:"required 1..2048"`
	// The types of events: message.sent, message.deleted, event.sent, user.disconnected,
	// room.created, room.updated, room.deleted, moderation.ban.created,
	// moderation.ban.deleted, user.joined, user.left, presence.reset.
	Events []string `json:"events" rule:"required 1..20"`
	// The ARNs of the rooms whose events it gets.
	RoomIdentifiers []string `json:"roomIdentifiers,omitzero" rule:"1..200"`
	// The tag of the rooms whose events it gets.
	RoomTag *RoomTag `json:"roomTag"`
}

// CreateWebhook creates a webhook, which sends events to an endpoint. The answer contains
// the secret that signs the calls.
func (s *Service) CreateWebhook(ctx context.Context, in *CreateWebhookInput) (*WebhookOutput, error) {
	members := &webhookMembers{in.Name, in.URL, in.Events, selection{in.RoomIdentifiers, in.RoomTag}}
	if err := s.checkWebhook(members); err != nil {
		return nil, err
	}
	if err := s.authorizeRooms(ctx, &members.selection, "CreateWebhook"); err != nil {
		return nil, err
	}
	hook := &webhook.Hook{Name: *in.Name, URL: *in.URL, Events: eventTypes(in.Events)}
	members.setTo(hook)
	if err := s.o.Webhooks.Create(ctx, hook); err != nil {
		return nil, err
	}
	out := s.showWebhook(hook)
	out.Secret = new(hook.Secret())
	return out, nil
}

func eventTypes(names []string) []webhook.EventType {
	all := make([]webhook.EventType, len(names))
	for i, name := range names {
		all[i] = webhook.EventType(name)
	}
	return all
}
