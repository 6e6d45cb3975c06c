package moderationops

import "context"

// DeleteBanInput is what DeleteBan takes.
type DeleteBanInput struct {
	// The id of the ban.
	ID *string `json:"id" rule:"required 1..64"`
}

// DeleteBanOutput has no members.
type DeleteBanOutput struct{}

// DeleteBan lifts a ban. A chat token with DISCONNECT_USER is accepted instead of a
// signature, for its room.
func (s *Service) DeleteBan(ctx context.Context, in *DeleteBanInput) (*DeleteBanOutput, error) {
	if _, err := s.ban(ctx, *in.ID, "DeleteBan"); err != nil {
		return nil, err
	}
	if err := s.o.Bans.Delete(ctx, *in.ID); err != nil {
		return nil, err
	}
	return &DeleteBanOutput{}, nil
}
