package moderationops

import (
	"context"
	"fmt"
	"time"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/moderation"
	"confab/internal/operation"
)

// Bans are the bans of all rooms: *moderation.Bans.
type Bans interface {
	Now() time.Time
	Create(ctx context.Context, b *moderation.Ban, duration time.Duration) error
	Get(ctx context.Context, id string) (*moderation.Ban, error)
	Update(ctx context.Context, id string, change func(*moderation.Ban)) (*moderation.Ban, error)
	Delete(ctx context.Context, id string) error
	List(ctx context.Context, f moderation.Filter, most int, before int64) ([]moderation.Ban, int64, error)
}

// Ban is a decision of a moderator: a user or a range of addresses cannot be in a room
// (BAN), cannot send messages there (MUTE), or is not read by others (HIDE).
type Ban struct {
	// The id of the ban.
	ID string `json:"id"`
	// BAN: the user cannot be in the room. MUTE: the user cannot send messages there. HIDE:
	// only the user gets what the user sends.
	Type string `json:"type"`
	// The user id; absent for a range of addresses.
	UserID *string `json:"userId,omitzero"`
	// The range of addresses in CIDR notation; absent for a user.
	IPRange *string `json:"ipRange,omitzero"`
	// The ARN of the room; absent for every room.
	RoomArn *string `json:"roomArn,omitzero"`
	// The reason; absent if none was given.
	Reason *string `json:"reason,omitzero"`
	// When the ban was created.
	CreateTime string `json:"createTime" rule:"time"`
	// When it ends; absent if it has no end.
	ExpirationTime *string `json:"expirationTime,omitzero" rule:"time"`
	// Who created it: the ARN of a principal, or for a moderator with a chat token the ARN
	// of the room, a slash, and the user id.
	CreatedBy string `json:"createdBy"`
}

// BanOutput is a ban.
type BanOutput = Ban

func (s *Service) showBan(b *moderation.Ban) *Ban {
	shown := &Ban{
		ID: b.ID, Type: string(b.Type), UserID: operation.NotEmpty(b.UserID), Reason: operation.NotEmpty(b.Reason),
		CreateTime: chat.FormatTime(b.CreateTime), CreatedBy: b.CreatedBy,
	}
	if b.UserID == "" {
		shown.IPRange = new(b.Range.String())
	}
	if b.RoomID != "" {
		shown.RoomArn = new(s.RoomARN(b.RoomID).String())
	}
	if !b.Expires.IsZero() {
		shown.ExpirationTime = new(chat.FormatTime(b.Expires))
	}
	return shown
}

// ban returns a ban if the caller is allowed the action on its room. To all others it looks
// like one that does not exist.
func (s *Service) ban(ctx context.Context, id, action string) (*moderation.Ban, error) {
	ban, err := s.o.Bans.Get(ctx, id)
	if err != nil && chat.CodeOf(err) != chat.NotFound {
		return nil, err
	}
	if err == nil && s.mayTouch(ctx, ban, action) {
		return ban, nil
	}
	call := iam.CallFrom(ctx)
	if call.Principal.Token != nil {
		if err := s.AllowBearer(ctx); err != nil {
			return nil, err
		}
	} else if err := call.Authorize("confab:"+action, s.EveryRoom(), iam.Keys{}); err != nil {
		return nil, err
	}
	return nil, &chat.Error{
		Code: chat.NotFound, Message: fmt.Sprintf("The ban %.64q does not exist", id), Resource: chat.ARN{Type: chat.BanResource, ID: id},
	}
}

// mayTouch reports whether the caller is allowed the action on a ban.
func (s *Service) mayTouch(ctx context.Context, ban *moderation.Ban, action string) bool {
	call := iam.CallFrom(ctx)
	if token := call.Principal.Token; token != nil {
		return ban.RoomID == token.Room.ID && token.Can(chat.DisconnectUser) && s.AllowBearer(ctx) == nil
	}
	if ban.RoomID == "" {
		return call.Authorize("confab:"+action, s.EveryRoom(), iam.Keys{}) == nil
	}
	var keys iam.Keys
	if room, err := s.Rooms.Room(ctx, ban.RoomID); err == nil {
		keys.ResourceTags = room.Tags
	}
	return call.Authorize("confab:"+action, s.RoomARN(ban.RoomID), keys) == nil
}
