package command

import (
	"context"

	"confab/internal/moderationops"
	"confab/internal/webhookops"
)

// largestPage is the most items that lists of Confab's operations answer.
const largestPage = 200

// ContentFilters lists the content filters of a room, or all of them, with all pages.
func (a *API) ContentFilters(ctx context.Context, room *string) ([]moderationops.ContentFilterSummary, error) {
	in := &moderationops.ListContentFiltersInput{RoomIdentifier: room, MaxResults: new(int32(largestPage))}
	var all []moderationops.ContentFilterSummary
	for {
		page, err := Call[moderationops.ListContentFiltersOutput](ctx, a, "ListContentFilters", in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Filters...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

// Webhooks lists all webhooks.
func (a *API) Webhooks(ctx context.Context) ([]webhookops.Webhook, error) {
	in := &webhookops.ListWebhooksInput{MaxResults: new(int32(largestPage))}
	var all []webhookops.Webhook
	for {
		page, err := Call[webhookops.ListWebhooksOutput](ctx, a, "ListWebhooks", in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Webhooks...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}

// Bans lists all bans that the input selects, with all pages.
func (a *API) Bans(ctx context.Context, in *moderationops.ListBansInput) ([]moderationops.Ban, error) {
	in.MaxResults = new(int32(largestPage))
	var all []moderationops.Ban
	for {
		page, err := Call[moderationops.ListBansOutput](ctx, a, "ListBans", in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Bans...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}
