package moderationops

import (
	"context"

	"confab/internal/chat"
	"confab/internal/contentfilter"
	"confab/internal/operation"
)

// ListContentFiltersInput is what ListContentFilters takes.
type ListContentFiltersInput struct {
	// The ARN of the room whose filters are listed, without those that apply to every room;
	// all filters if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
	// The maximum number of filters in a page; 50 if it is absent.
	MaxResults *int32 `json:"maxResults" rule:"1..200"`
	// The nextToken of the previous page. All other members must be the same as for that
	// page.
	NextToken *string `json:"nextToken" rule:"0..1024"`
}

// ListContentFiltersOutput is one page.
type ListContentFiltersOutput struct {
	// The filters: first those of every room, then by room and name.
	Filters []ContentFilterSummary `json:"filters"`
	// The token of the next page; absent on the last page.
	NextToken *string `json:"nextToken,omitzero"`
}

// ListContentFilters returns filters without their rules.
func (s *Service) ListContentFilters(ctx context.Context, in *ListContentFiltersInput) (*ListContentFiltersOutput, error) {
	room, err := s.RoomOrEvery(ctx, in.RoomIdentifier, "ListContentFilters")
	if err != nil {
		return nil, err
	}
	everywhere := in.RoomIdentifier == nil
	after, err := operation.OpenPage[contentfilter.Place](in.NextToken, "filters", room, everywhere)
	if err != nil {
		return nil, err
	}
	page, next, err := s.o.Filters.List(ctx, room, everywhere, operation.PageSize(in.MaxResults), after)
	if err != nil {
		return nil, err
	}
	out := &ListContentFiltersOutput{Filters: make([]ContentFilterSummary, len(page))}
	for i := range page {
		f := &page[i]
		out.Filters[i] = ContentFilterSummary{
			Name: f.Name, RoomArn: s.filterRoom(f), TermCount: f.TermCount, ExpressionCount: f.ExpressionCount,
			Action: string(f.Action), Message: operation.NotEmpty(f.Message), UpdateTime: chat.FormatTime(f.UpdateTime),
		}
	}
	if next != nil {
		out.NextToken = operation.SealPage(*next, "filters", room, everywhere)
	}
	return out, nil
}
