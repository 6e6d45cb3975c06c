package extension

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"time"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/moderation"
)

// Bans are the bans of all rooms: *moderation.Bans.
type Bans interface {
	Create(ctx context.Context, b *moderation.Ban, duration time.Duration) error
	Get(ctx context.Context, id string) (*moderation.Ban, error)
	Update(ctx context.Context, id string, change func(*moderation.Ban)) (*moderation.Ban, error)
	Delete(ctx context.Context, id string) error
	List(ctx context.Context, f moderation.Filter, most int, before int64) ([]moderation.Ban, int64, error)
	Banned(roomID, userID string, ip netip.Addr) error
	BannedSince(ctx context.Context, roomID, userID string, since time.Time) (bool, error)
}

// Ban is a decision that keeps a user, or a range of addresses, out of a room, silent
// there, or hidden from others.
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
	// Why.
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
		ID: b.ID, Type: string(b.Type), UserID: notEmpty(b.UserID), Reason: notEmpty(b.Reason),
		CreateTime: chat.FormatTime(b.CreateTime), CreatedBy: b.CreatedBy,
	}
	if b.UserID == "" {
		shown.IPRange = new(b.Range.String())
	}
	if b.RoomID != "" {
		shown.RoomArn = new(s.roomARN(b.RoomID).String())
	}
	if !b.Expires.IsZero() {
		shown.ExpirationTime = new(chat.FormatTime(b.Expires))
	}
	return shown
}

func (s *Service) roomARN(id string) chat.ARN {
	return chat.ARN{Region: s.o.Region, Account: s.o.Account, Type: chat.RoomResource, ID: id}
}

// roomOrEvery returns the id of the room that an operation names, if the caller may do this
// there; "" is every room, which only signed callers may name.
func (s *Service) roomOrEvery(ctx context.Context, identifier *string, action string) (string, error) {
	if identifier != nil {
		room, err := s.moderated(ctx, *identifier, chat.DisconnectUser, action)
		if err != nil {
			return "", err
		}
		return room.ARN.ID, nil
	}
	if iam.CallFrom(ctx).Principal.Token != nil {
		return "", chat.Errorf(chat.AccessDenied, "A chat token stands for the signature in its own room only: name it as roomIdentifier")
	}
	return "", iam.CallFrom(ctx).Authorize("confab:"+action, s.everyRoom(), iam.Keys{})
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
		if err := s.allowBearer(ctx); err != nil {
			return nil, err
		}
	} else if err := call.Authorize("confab:"+action, s.everyRoom(), iam.Keys{}); err != nil {
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
		return ban.RoomID == token.Room.ID && token.Can(chat.DisconnectUser) && s.allowBearer(ctx) == nil
	}
	if ban.RoomID == "" {
		return call.Authorize("confab:"+action, s.everyRoom(), iam.Keys{}) == nil
	}
	var keys iam.Keys
	if room, err := s.o.Rooms.Room(ctx, ban.RoomID); err == nil {
		keys.ResourceTags = room.Tags
	}
	return call.Authorize("confab:"+action, s.roomARN(ban.RoomID), keys) == nil
}

// durationOf returns the duration of a ban; 0 is for good.
func durationOf(seconds *int64) time.Duration {
	if seconds == nil {
		return 0
	}
	return time.Duration(*seconds) * time.Second
}

// A page token of bans is the number before which the list continues, and a hash of the
// filter that it belongs to.
func sealBans(before int64, f *moderation.Filter) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, pageTokenSize), uint64(before))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(b, hashOfBans(before, f)))
}

func openBans(token string, f *moderation.Filter) (int64, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil && len(b) == pageTokenSize {
		before := int64(binary.BigEndian.Uint64(b))
		if before > 0 && binary.BigEndian.Uint64(b[8:]) == hashOfBans(before, f) {
			return before, nil
		}
	}
	return 0, chat.InvalidField("nextToken", "must be that of a page of this list with the same members")
}

func hashOfBans(before int64, f *moderation.Filter) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "bans %d %q %q %q", before, f.RoomID, f.UserID, f.Type)
	return h.Sum64()
}
