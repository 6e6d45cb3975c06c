package webhookops

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/operation"
	"confab/internal/webhook"
)

// RoomTag selects the rooms that have a tag.
type RoomTag struct {
	// The key of the tag.
	Key *string `json:"key" rule:"required 1..128"`
	// The value of the tag.
	Value *string `json:"value" rule:"required 0..256"`
}

// Webhook is an endpoint that gets events.
type Webhook struct {
	// The id of the webhook.
	ID string `json:"id"`
	// The name of the webhook.
	Name string `json:"name"`
	// The URL of the endpoint.
	URL string `json:"url"`
	// The types of events that it gets.
	Events []string `json:"events"`
	// The ARNs of the rooms whose events it gets; absent for those of a tag and for every
	// room.
	RoomArns []string `json:"roomArns,omitzero"`
	// The tag of the rooms whose events it gets.
	RoomTag *RoomTag `json:"roomTag,omitzero"`
	// ACTIVE; PAUSED, no events are sent or kept; or FAILING, the last call failed and is
	// repeated.
	State string `json:"state"`
	// The error of the last call; absent if it succeeded.
	LastError *string `json:"lastError,omitzero"`
	// When the webhook was created.
	CreateTime string `json:"createTime" rule:"time"`
	// When it was last changed.
	UpdateTime string `json:"updateTime" rule:"time"`
	// The key that signs calls, whsec_ and base64. Only CreateWebhook and
	// RotateWebhookSecret show it.
	Secret *string `json:"secret,omitzero"`
}

// WebhookOutput is a webhook.
type WebhookOutput = Webhook

// failing is the state of a webhook whose last call failed.
const failing = "FAILING"

func (s *Service) showWebhook(h *webhook.Hook) *Webhook {
	shown := &Webhook{
		ID: h.ID, Name: h.Name, URL: h.URL, Events: make([]string, len(h.Events)), State: string(h.State), LastError: operation.NotEmpty(h.LastError),
		CreateTime: chat.FormatTime(h.CreateTime), UpdateTime: chat.FormatTime(h.UpdateTime),
	}
	for i, t := range h.Events {
		shown.Events[i] = string(t)
	}
	for _, id := range h.RoomIDs {
		shown.RoomArns = append(shown.RoomArns, s.RoomARN(id).String())
	}
	if h.Tag != nil {
		shown.RoomTag = &RoomTag{&h.Tag.Key, &h.Tag.Value}
	}
	if h.State == webhook.Active && h.LastError != "" {
		shown.State = failing
	}
	return shown
}

// selection is which rooms' events a request selects.
type selection struct {
	rooms []string // identifiers; nil for other selections
	tag   *RoomTag
}

// setTo sets what a webhook gets.
func (sel *selection) setTo(h *webhook.Hook) {
	h.RoomIDs, h.Tag = nil, nil
	for _, identifier := range sel.rooms {
		arn, _ := chat.ParseARN(identifier) // It was checked.
		h.RoomIDs = append(h.RoomIDs, arn.ID)
	}
	if sel.tag != nil {
		h.Tag = &webhook.Tag{Key: *sel.tag.Key, Value: *sel.tag.Value}
	}
}

// webhookMembers are the members that CreateWebhook and UpdateWebhook share.
type webhookMembers struct {
	name, url *string
	events    []string
	selection
}

// checkWebhook checks the members that are there.
func (s *Service) checkWebhook(in *webhookMembers) error {
	var v api.Violations
	if in.name != nil && strings.ContainsFunc(*in.name, unicode.IsControl) {
		v.Add("name", "must not contain control characters")
	}
	if in.url != nil {
		if err := s.o.Endpoints.CheckURL(*in.url); err != nil {
			v.Add("url", "%v", err)
		}
	}
	if err := webhook.CheckEvents(in.events); err != nil {
		v.Add("events", "%v", err)
	}
	if in.rooms != nil && in.tag != nil {
		v.Add("roomTag", "must be absent if there are roomIdentifiers")
	}
	for _, identifier := range in.rooms {
		if arn, err := chat.ParseARN(identifier); err != nil || arn.Type != chat.RoomResource {
			v.Add("roomIdentifiers", "must be ARNs of rooms, arn:aws:ivschat:<region>:<account>:room/<id>, this is %.140q", identifier)
		}
	}
	if in.tag != nil && strings.ContainsFunc(*in.tag.Key+*in.tag.Value, unicode.IsControl) {
		v.Add("roomTag", "must not contain control characters")
	}
	return v.Err()
}

// authorizeRooms authorizes an operation on the rooms of a selection, which must exist.
func (s *Service) authorizeRooms(ctx context.Context, sel *selection, action string) error {
	if len(sel.rooms) == 0 {
		return iam.CallFrom(ctx).Authorize("confab:"+action, s.EveryRoom(), iam.Keys{})
	}
	for _, identifier := range sel.rooms {
		if _, err := s.Room(ctx, identifier, action); err != nil {
			return err
		}
	}
	return nil
}

// webhook returns a webhook if the caller is allowed the action on all its rooms. To others
// it looks like one that does not exist.
func (s *Service) webhook(ctx context.Context, id, action string) (*webhook.Hook, error) {
	hook, err := s.o.Webhooks.Get(ctx, id)
	if err != nil && chat.CodeOf(err) != chat.NotFound {
		return nil, err
	}
	call := iam.CallFrom(ctx)
	everywhere := call.Authorize("confab:"+action, s.EveryRoom(), iam.Keys{})
	if err == nil && hook.RoomIDs == nil && everywhere == nil {
		return hook, nil
	}
	if err == nil && hook.RoomIDs != nil && !slices.ContainsFunc(hook.RoomIDs, func(room string) bool {
		var keys iam.Keys
		if r, err := s.Rooms.Room(ctx, room); err == nil {
			keys.ResourceTags = r.Tags
		}
		return call.Authorize("confab:"+action, s.RoomARN(room), keys) != nil
	}) {
		return hook, nil
	}
	if everywhere != nil {
		return nil, everywhere
	}
	return nil, &chat.Error{
		Code: chat.NotFound, Message: fmt.Sprintf("The webhook %.64q does not exist", id), Resource: chat.ARN{Type: chat.WebhookResource, ID: id},
	}
}
