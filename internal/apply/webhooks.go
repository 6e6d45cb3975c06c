package apply

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"confab/internal/command"
	"confab/internal/plan"
	"confab/internal/webhookops"
)

// Webhook is a webhook, with the members of CreateWebhook. Without rooms and a tag, a new one
// gets the events of every room, and an existing one keeps what it has.
type Webhook struct {
	Name            string   `yaml:"name"`
	URL             string   `yaml:"url"`
	Events          []string `yaml:"events"`
	RoomIdentifiers []string `yaml:"roomIdentifiers"` // names or ARNs
	RoomTag         *RoomTag `yaml:"roomTag"`
}

// RoomTag selects the rooms that have a tag.
type RoomTag struct {
	Key   string `yaml:"key"`
	Value string `yaml:"value"`
}

func (t *RoomTag) member() *webhookops.RoomTag {
	if t == nil {
		return nil
	}
	return &webhookops.RoomTag{Key: &t.Key, Value: &t.Value}
}

func (w *Webhook) check(c checked) error {
	if err := c.named(webhookKind, w.Name); err != nil {
		return err
	}
	switch {
	case w.URL == "":
		return fmt.Errorf("the webhook %q has no url", w.Name)
	case len(w.Events) == 0:
		return fmt.Errorf("the webhook %q has no events, such as message.sent", w.Name)
	case w.RoomIdentifiers != nil && w.RoomTag != nil:
		return fmt.Errorf("the webhook %q must not have both roomIdentifiers and roomTag", w.Name)
	}
	return nil
}

func (p *Plan) planWebhooks(ctx context.Context, wanted []Webhook) error {
	if len(wanted) == 0 {
		return nil
	}
	all, err := p.api.Webhooks(ctx)
	if err != nil {
		return err
	}
	for i := range wanted {
		if err := p.planWebhook(&wanted[i], all); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) planWebhook(want *Webhook, all []webhookops.Webhook) error {
	for _, room := range want.RoomIdentifiers {
		if _, err := p.rooms.find(webhookKind, want.Name, room); err != nil {
			return err
		}
	}
	var have webhookops.Webhook
	for i := range all {
		if all[i].Name != want.Name {
			continue
		}
		if have.ID != "" {
			return fmt.Errorf("there are several webhooks named %q; rename or delete all but one", want.Name)
		}
		have = all[i]
	}
	exists := have.ID != ""
	diff := plan.Differ(nil, "url", have.URL, want.URL)
	diff = plan.Differ(diff, "events", joined(have.Events), joined(want.Events))
	if selection := want.selection(p.rooms); selection != "" {
		diff = plan.Differ(diff, "rooms", selected(have.RoomArns, have.RoomTag, exists), selection)
	} else if !exists {
		diff = plan.Differ(diff, "rooms", "", selected(nil, nil, true))
	}
	p.put(plan.Step{Kind: webhookKind, Name: want.Name, ID: have.ID, Diff: diff}, exists, func(ctx context.Context, s *plan.Step) error {
		if !exists {
			return p.createWebhook(ctx, want, s)
		}
		_, err := command.Call[webhookops.WebhookOutput](ctx, p.api, "UpdateWebhook", &webhookops.UpdateWebhookInput{
			ID: &have.ID, URL: &want.URL, Events: want.Events, RoomIdentifiers: p.rooms.identifiers(want.RoomIdentifiers), RoomTag: want.RoomTag.member(),
		})
		return err
	})
	return nil
}

func (p *Plan) createWebhook(ctx context.Context, want *Webhook, s *plan.Step) error {
	out, err := command.Call[webhookops.WebhookOutput](ctx, p.api, "CreateWebhook", &webhookops.CreateWebhookInput{
		Name: &want.Name, URL: &want.URL, Events: want.Events, RoomIdentifiers: p.rooms.identifiers(want.RoomIdentifiers), RoomTag: want.RoomTag.member(),
	})
	if err != nil {
		return err
	}
	if s.ID, s.Secret = out.ID, aws.ToString(out.Secret); s.Secret == "" {
		return errors.New("the server did not say the secret")
	}
	return nil
}

// selection is which rooms are wanted; "" if the file does not say.
func (w *Webhook) selection(r rooms) string {
	if w.RoomIdentifiers == nil && w.RoomTag == nil {
		return ""
	}
	shown := make([]string, len(w.RoomIdentifiers))
	for i, room := range w.RoomIdentifiers {
		if shown[i] = *r.identifier(room); shown[i] == made {
			shown[i] = room
		}
	}
	return selected(shown, w.RoomTag.member(), true)
}

// selected is which rooms a webhook has the events of, as a plan shows it.
func selected(arns []string, tag *webhookops.RoomTag, exists bool) string {
	switch {
	case !exists:
		return ""
	case tag != nil:
		return "tag " + aws.ToString(tag.Key) + "=" + aws.ToString(tag.Value)
	case len(arns) > 0:
		return joined(arns)
	}
	return "every room"
}
