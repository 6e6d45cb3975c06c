package command

import (
	"context"

	"confab/internal/extension"
)

// pageOfFilters is the most filters that ListContentFilters answers.
const pageOfFilters = 200

// ContentFilters lists the content filters of a room, or all of them, with all pages.
func (a *API) ContentFilters(ctx context.Context, room *string) ([]extension.ContentFilterSummary, error) {
	in := &extension.ListContentFiltersInput{RoomIdentifier: room, MaxResults: new(int32(pageOfFilters))}
	var all []extension.ContentFilterSummary
	for {
		page, err := Call[extension.ListContentFiltersOutput](ctx, a, "ListContentFilters", in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Filters...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}
