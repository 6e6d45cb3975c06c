package webhookops

import (
	"context"

	"confab/internal/webhook"
)

// UpdateWebhookInput is what UpdateWebhook takes. What is absent stays as it is.
type UpdateWebhookInput struct {
	// The id of the webhook.
	ID *string `json:"id" rule:"required 1..64"`
	// A name.
	Name *string `json:"name" rule:"1..64"`
	// The URL of the endpoint. Events that were not delivered yet go there as well.
	URL *string `json:"url" rule:"1..2048"`
	// The types of events, as in CreateWebhook.
	Events []string `json:"events,omitzero" rule:"1..20"`
	// The ARNs of the rooms whose events it gets. They replace its rooms or its tag. An
	// empty list stands for every room.
	RoomIdentifiers []string `json:"roomIdentifiers,omitzero" rule:"0..200"`
	// The tag of the rooms whose events it gets. It replaces its rooms or its tag.
	RoomTag *RoomTag `json:"roomTag"`
	// PAUSED: no events are sent or kept, and events that were not delivered yet are
	// dropped. ACTIVE: events are sent from now on.
	State *string `json:"state" rule:"ACTIVE|PAUSED"`
}

// UpdateWebhook changes a webhook. The caller needs the action on its previous rooms and on
// its new rooms.
func (s *Service) UpdateWebhook(ctx context.Context, in *UpdateWebhookInput) (*WebhookOutput, error) {
	members := &webhookMembers{in.Name, in.URL, in.Events, selection{in.RoomIdentifiers, in.RoomTag}}
	if err := s.checkWebhook(members); err != nil {
		return nil, err
	}
	if _, err := s.webhook(ctx, *in.ID, "UpdateWebhook"); err != nil {
		return nil, err
	}
	selects := in.RoomIdentifiers != nil || in.RoomTag != nil
	if selects {
		if err := s.authorizeRooms(ctx, &members.selection, "UpdateWebhook"); err != nil {
			return nil, err
		}
	}
	hook, err := s.o.Webhooks.Update(ctx, *in.ID, func(h *webhook.Hook) error {
		if in.Name != nil {
			h.Name = *in.Name
		}
		if in.URL != nil {
			h.URL = *in.URL
		}
		if in.Events != nil {
			h.Events = eventTypes(in.Events)
		}
		if selects {
			members.setTo(h)
		}
		if in.State != nil && h.State != webhook.State(*in.State) {
			h.State, h.LastError = webhook.State(*in.State), ""
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.showWebhook(hook), nil
}
