package moderationops

import (
	"context"
	"net/netip"

	"confab/internal/api"
	"confab/internal/iam"
	"confab/internal/moderation"
	"confab/internal/operation"
)

// CreateBanInput is what CreateBan takes. It needs userId or ipRange.
type CreateBanInput struct {
	// The ARN of the room; every room if it is absent.
	RoomIdentifier *string `json:"roomIdentifier" rule:"room"`
	// The user id that is banned. All users who share it are banned.
	UserID *string `json:"userId" rule:"1..128"`
	// The range of addresses that is banned, in CIDR notation.
	IPRange *string `json:"ipRange" rule:"1..64"`
	// BAN: the user cannot be in the room. MUTE: the user cannot send messages there. HIDE:
	// only the user gets what the user sends.
	Type *string `json:"type" rule:"required BAN|MUTE|HIDE"`
	// The duration; without an end if it is absent.
	BanDuration *int64 `json:"durationInSeconds" rule:"1..315360000"`
	// The reason. The clients of a banned user get it.
	Reason *string `json:"reason" rule:"0..256"`
	// Must be true for a range with very many addresses: a prefix shorter than /8 (IPv4) or
	// /16 (IPv6).
	Force *bool `json:"force"`
}

// CreateBan excludes a user or a range of addresses from one room or from all rooms. BAN:
// the user cannot be in the room; live sessions end within a second. MUTE: messages of the
// user are refused. HIDE: messages of the user are delivered to that user only. A new ban
// replaces one with the same subject, room and type. A chat token with DISCONNECT_USER is
// accepted instead of a signature, for its room.
func (s *Service) CreateBan(ctx context.Context, in *CreateBanInput) (*BanOutput, error) {
	ban := &moderation.Ban{Type: moderation.Type(*in.Type), UserID: operation.String(in.UserID), Reason: operation.String(in.Reason)}
	var v api.Violations
	switch {
	case in.UserID == nil && in.IPRange == nil:
		v.Add("userId", "or ipRange is required")
	case in.UserID != nil && in.IPRange != nil:
		v.Add("userId", "must be absent if there is an ipRange")
	case in.IPRange != nil:
		ban.Range = parseRange(&v, *in.IPRange, operation.IsSet(in.Force))
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	var err error
	if ban.RoomID, err = s.RoomOrEvery(ctx, in.RoomIdentifier, "CreateBan"); err != nil {
		return nil, err
	}
	ban.CreatedBy = iam.CallFrom(ctx).Principal.ARN
	if err := s.o.Bans.Create(ctx, ban, operation.Seconds(in.BanDuration)); err != nil {
		return nil, err
	}
	return s.showBan(ban), nil
}

func parseRange(v *api.Violations, cidr string, force bool) netip.Prefix {
	p, err := moderation.ParseRange(cidr)
	switch {
	case err != nil:
		v.Add("ipRange", "%v", err)
	case moderation.Wide(p) && !force:
		v.Add("ipRange", "%s has so many addresses that it needs force", p)
	}
	return p
}
