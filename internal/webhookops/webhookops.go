// Package webhookops has the operations on webhooks: methods of Service, with their inputs
// and outputs.
package webhookops

import (
	"context"
	"time"

	"confab/internal/operation"
	"confab/internal/webhook"
)

// Webhooks stores webhooks: *webhook.Hooks.
type Webhooks interface {
	Create(ctx context.Context, h *webhook.Hook) error
	Get(ctx context.Context, id string) (*webhook.Hook, error)
	Update(ctx context.Context, id string, change func(*webhook.Hook) error) (*webhook.Hook, error)
	Rotate(ctx context.Context, id string) (*webhook.Hook, error)
	Delete(ctx context.Context, id string) error
	List(ctx context.Context) ([]*webhook.Hook, error)
}

// Endpoints calls the endpoints of webhooks: *notify.Service.
type Endpoints interface {
	CheckURL(url string) error
	Test(ctx context.Context, h *webhook.Hook) (status int, took time.Duration, err error)
}

// Options are what a Service needs. All fields are required.
type Options struct {
	Webhooks  Webhooks
	Endpoints Endpoints
}

// Service serves the operations on webhooks.
type Service struct {
	*operation.Access
	o Options
}

// New makes a Service.
func New(access *operation.Access, o Options) *Service { return &Service{access, o} }

// Operations returns the operations.
func (s *Service) Operations() []operation.Operation {
	return []operation.Operation{
		operation.Describe("CreateWebhook", s.CreateWebhook),
		operation.Describe("DeleteWebhook", s.DeleteWebhook),
		operation.Describe("GetWebhook", s.GetWebhook),
		operation.Describe("ListWebhooks", s.ListWebhooks),
		operation.Describe("RotateWebhookSecret", s.RotateWebhookSecret),
		operation.Describe("TestWebhook", s.TestWebhook),
		operation.Describe("UpdateWebhook", s.UpdateWebhook),
	}
}
