package command

import (
	"context"

	"confab/internal/moderationops"
	"confab/internal/roomops"
	"confab/internal/webhookops"
)

// largestPage is the most items that lists of Confab's operations answer.
const largestPage = 200

// Paging has the members of an input that select a page. Limit is the most items that are wanted;
// 0 is all.
type Paging struct {
	Size  **int32
	Token **string
	Limit int
}

// All calls a list operation that Confab adds for one page after the other, and returns the items
// of all pages. of returns the items of a page, and the token of the next one.
func All[Out, Item any](ctx context.Context, api *API, operation string, in any, p Paging, of func(*Out) ([]Item, *string)) ([]Item, error) {
	var all []Item
	for {
		size := int32(largestPage)
		if p.Limit > 0 {
			size = int32(min(largestPage, p.Limit-len(all)))
		}
		*p.Size = &size
		page, err := Call[Out](ctx, api, operation, in)
		if err != nil {
			return nil, err
		}
		items, next := of(page)
		all = append(all, items...)
		if next == nil || p.Limit > 0 && len(all) >= p.Limit {
			return all, nil
		}
		*p.Token = next
	}
}

// ContentFilters lists the content filters of a room, or all of them.
func (a *API) ContentFilters(ctx context.Context, room *string) ([]moderationops.ContentFilterSummary, error) {
	in := &moderationops.ListContentFiltersInput{RoomIdentifier: room}
	return All(ctx, a, "ListContentFilters", in, Paging{Size: &in.MaxResults, Token: &in.NextToken},
		func(page *moderationops.ListContentFiltersOutput) ([]moderationops.ContentFilterSummary, *string) {
			return page.Filters, page.NextToken
		})
}

// Webhooks lists all webhooks.
func (a *API) Webhooks(ctx context.Context) ([]webhookops.Webhook, error) {
	in := &webhookops.ListWebhooksInput{}
	return All(ctx, a, "ListWebhooks", in, Paging{Size: &in.MaxResults, Token: &in.NextToken},
		func(page *webhookops.ListWebhooksOutput) ([]webhookops.Webhook, *string) {
			return page.Webhooks, page.NextToken
		})
}

// Users lists the users who are connected to a room, at most limit; 0 is all.
func (a *API) Users(ctx context.Context, room string, limit int) ([]roomops.RoomUser, error) {
	in := &roomops.ListRoomUsersInput{RoomIdentifier: &room}
	return All(ctx, a, "ListRoomUsers", in, Paging{Size: &in.MaxResults, Token: &in.NextToken, Limit: limit},
		func(page *roomops.ListRoomUsersOutput) ([]roomops.RoomUser, *string) {
			return page.Users, page.NextToken
		})
}

// Bans lists all bans that the input selects.
func (a *API) Bans(ctx context.Context, in *moderationops.ListBansInput) ([]moderationops.Ban, error) {
	return All(ctx, a, "ListBans", in, Paging{Size: &in.MaxResults, Token: &in.NextToken},
		func(page *moderationops.ListBansOutput) ([]moderationops.Ban, *string) {
			return page.Bans, page.NextToken
		})
}
