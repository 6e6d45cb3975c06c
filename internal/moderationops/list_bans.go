package moderationops

import (
	"context"

	"confab/internal/moderation"
	"confab/internal/operation"
)

// ListBansInput is what ListBans takes.
type ListBansInput struct {
	// The ARN of the room whose bans are listed, without those that apply to every room;
	// all bans if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
	// The user whose bans are listed; all if it is absent.
	UserID *string `json:"userId" rule:"1..128"`
	// The type of the bans; all if it is absent.
	Type *string `json:"type" rule:"BAN|MUTE|HIDE"`
	// The maximum number of bans in a page; 50 if it is absent.
	MaxResults *int32 `json:"maxResults" rule:"1..200"`
	// The nextToken of the previous page. All other members must be the same as for that
	// page.
	NextToken *string `json:"nextToken" rule:"0..1024"`
}

// ListBansOutput is one page.
type ListBansOutput struct {
	// The bans that are in force, newest first.
	Bans []Ban `json:"bans"`
	// The token of the next page; absent on the last page.
	NextToken *string `json:"nextToken,omitzero"`
}

// ListBans returns the bans that are in force. A chat token with DISCONNECT_USER is
// accepted instead of a signature, for its room.
func (s *Service) ListBans(ctx context.Context, in *ListBansInput) (*ListBansOutput, error) {
	room, err := s.RoomOrEvery(ctx, in.RoomIdentifier, "ListBans")
	if err != nil {
		return nil, err
	}
	f := moderation.Filter{RoomID: room, UserID: operation.String(in.UserID), Type: moderation.Type(operation.String(in.Type))}
	before, err := operation.OpenPage[int64](in.NextToken, "bans", f)
	if err != nil {
		return nil, err
	}
	page, next, err := s.o.Bans.List(ctx, f, operation.PageSize(in.MaxResults), before)
	if err != nil {
		return nil, err
	}
	out := &ListBansOutput{Bans: make([]Ban, len(page))}
	for i := range page {
		out.Bans[i] = *s.showBan(&page[i])
	}
	if next > 0 {
		out.NextToken = operation.SealPage(next, "bans", f)
	}
	return out, nil
}
