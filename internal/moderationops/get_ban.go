package moderationops

import "context"

// GetBanInput is what GetBan takes.
type GetBanInput struct {
	// The id of the ban.
	ID *string `json:"id" rule:"required 1..64"`
}

// GetBan returns a ban that is in force. A chat token with DISCONNECT_USER is accepted
// instead of a signature, for its room.
func (s *Service) GetBan(ctx context.Context, in *GetBanInput) (*BanOutput, error) {
	ban, err := s.ban(ctx, *in.ID, "GetBan")
	if err != nil {
		return nil, err
	}
	return s.showBan(ban), nil
}
