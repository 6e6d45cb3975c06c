package webhookops

import (
	"context"
	"slices"
	"time"

	"confab/internal/operation"
	"confab/internal/webhook"
)

// GetWebhookInput is what GetWebhook takes.
type GetWebhookInput struct {
	// The id of the webhook.
	ID *string `json:"id" rule:"required 1..64"`
}

// GetWebhook returns a webhook, without its secret.
func (s *Service) GetWebhook(ctx context.Context, in *GetWebhookInput) (*WebhookOutput, error) {
	hook, err := s.webhook(ctx, *in.ID, "GetWebhook")
	if err != nil {
		return nil, err
	}
	return s.showWebhook(hook), nil
}

// DeleteWebhookInput is what DeleteWebhook takes.
type DeleteWebhookInput struct {
	// The id of the webhook.
	ID *string `json:"id" rule:"required 1..64"`
}

// DeleteWebhookOutput has no members.
type DeleteWebhookOutput struct{}

// DeleteWebhook deletes a webhook, with the events that were not delivered yet.
func (s *Service) DeleteWebhook(ctx context.Context, in *DeleteWebhookInput) (*DeleteWebhookOutput, error) {
	if _, err := s.webhook(ctx, *in.ID, "DeleteWebhook"); err != nil {
		return nil, err
	}
	if err := s.o.Webhooks.Delete(ctx, *in.ID); err != nil {
		return nil, err
	}
	return &DeleteWebhookOutput{}, nil
}

// RotateWebhookSecretInput is what RotateWebhookSecret takes.
type RotateWebhookSecretInput struct {
	// The id of the webhook.
	ID *string `json:"id" rule:"required 1..64"`
}

// RotateWebhookSecret replaces the secret of a webhook, and returns the new one. For 24
// hours, calls are signed with the previous secret as well.
func (s *Service) RotateWebhookSecret(ctx context.Context, in *RotateWebhookSecretInput) (*WebhookOutput, error) {
	if _, err := s.webhook(ctx, *in.ID, "RotateWebhookSecret"); err != nil {
		return nil, err
	}
	hook, err := s.o.Webhooks.Rotate(ctx, *in.ID)
	if err != nil {
		return nil, err
	}
	out := s.showWebhook(hook)
	out.Secret = new(hook.Secret())
	return out, nil
}

// TestWebhookInput is what TestWebhook takes.
type TestWebhookInput struct {
	// The id of the webhook.
	ID *string `json:"id" rule:"required 1..64"`
}

// TestWebhookOutput is the answer of the endpoint.
type TestWebhookOutput struct {
	// The HTTP status of the endpoint's answer; absent if it did not answer.
	StatusCode *int32 `json:"statusCode,omitzero"`
	// The error; absent if the endpoint answered 2xx.
	Error *string `json:"error,omitzero"`
	// How long the endpoint took; three seconds if it did not answer.
	DurationInMilliseconds int64 `json:"durationInMilliseconds"`
}

// TestWebhook calls the endpoint of a webhook, also of a paused one, with one event of the
// type webhook.test. It answers after three seconds, however long the endpoint takes.
func (s *Service) TestWebhook(ctx context.Context, in *TestWebhookInput) (*TestWebhookOutput, error) {
	hook, err := s.webhook(ctx, *in.ID, "TestWebhook")
	if err != nil {
		return nil, err
	}
	status, took, err := s.o.Endpoints.Test(ctx, hook)
	out := &TestWebhookOutput{DurationInMilliseconds: int64(took / time.Millisecond)}
	if status != 0 {
		out.StatusCode = new(int32(status))
	}
	if err != nil {
		out.Error = new(err.Error())
	}
	return out, nil
}

// ListWebhooksInput is what ListWebhooks takes.
type ListWebhooksInput struct {
	// The maximum number of webhooks in a page; 50 if it is absent.
	MaxResults *int32 `json:"maxResults" rule:"1..200"`
	// The nextToken of the previous page.
	NextToken *string `json:"nextToken" rule:"0..1024"`
}

// ListWebhooksOutput is one page.
type ListWebhooksOutput struct {
	// The webhooks, the newest first, without their secrets.
	Webhooks []Webhook `json:"webhooks"`
	// The token of the next page; absent on the last page.
	NextToken *string `json:"nextToken,omitzero"`
}

// ListWebhooks lists all webhooks.
func (s *Service) ListWebhooks(ctx context.Context, in *ListWebhooksInput) (*ListWebhooksOutput, error) {
	if err := s.authorizeRooms(ctx, &selection{}, "ListWebhooks"); err != nil {
		return nil, err
	}
	all, err := s.o.Webhooks.List(ctx)
	if err != nil {
		return nil, err
	}
	// The place of a page is the number of its last webhook; newer ones have higher numbers.
	before, err := operation.OpenPage[int64](in.NextToken, "webhooks")
	if err != nil {
		return nil, err
	}
	if before > 0 {
		all = slices.DeleteFunc(all, func(h *webhook.Hook) bool { return h.Number >= before })
	}
	most := operation.PageSize(in.MaxResults)
	out := &ListWebhooksOutput{Webhooks: []Webhook{}}
	for _, h := range all[:min(len(all), most)] {
		out.Webhooks = append(out.Webhooks, *s.showWebhook(h))
	}
	if len(all) > most {
		out.NextToken = operation.SealPage(all[most-1].Number, "webhooks")
	}
	return out, nil
}
