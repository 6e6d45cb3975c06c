package moderationops

import (
	"context"

	"confab/internal/moderation"
	"confab/internal/operation"
)

// UpdateBanInput is what UpdateBan takes.
type UpdateBanInput struct {
	// The id of the ban.
	ID *string `json:"id" rule:"required 1..64"`
	// The new duration, from now on; unchanged if it is absent.
	BanDuration *int64 `json:"durationInSeconds" rule:"1..315360000"`
	// The new reason; unchanged if it is absent.
	Reason *string `json:"reason" rule:"0..256"`
}

// UpdateBan changes the end or the reason of a ban. To remove the end, call CreateBan
// without a duration, which replaces the ban. A chat token with DISCONNECT_USER is accepted
// instead of a signature, for its room.
func (s *Service) UpdateBan(ctx context.Context, in *UpdateBanInput) (*BanOutput, error) {
	if _, err := s.ban(ctx, *in.ID, "UpdateBan"); err != nil {
		return nil, err
	}
	ban, err := s.o.Bans.Update(ctx, *in.ID, func(b *moderation.Ban) {
		if in.BanDuration != nil {
			b.Expires = s.o.Bans.Now().Add(operation.Seconds(in.BanDuration))
		}
		if in.Reason != nil {
			b.Reason = *in.Reason
		}
	})
	if err != nil {
		return nil, err
	}
	return s.showBan(ban), nil
}
