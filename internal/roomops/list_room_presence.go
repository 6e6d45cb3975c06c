package roomops

import (
	"context"

	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/operation"
	"confab/internal/presence"
)

// ListRoomPresenceInput is what ListRoomPresence takes.
type ListRoomPresenceInput struct {
	// The maximum number of rooms in a page; 50 if it is absent.
	MaxResults *int32 `json:"maxResults" rule:"1..200"`
	// The nextToken of the previous page.
	NextToken *string `json:"nextToken" rule:"0..1024"`
}

// ListRoomPresenceOutput is one page.
type ListRoomPresenceOutput struct {
	// The rooms of the page, the fullest first.
	Rooms []RoomPresence `json:"rooms"`
	// The token of the next page; absent on the last page.
	NextToken *string `json:"nextToken,omitzero"`
}

// RoomPresence is how many users and connections a room has.
type RoomPresence struct {
	// The ARN of the room.
	RoomARN string `json:"roomArn"`
	// How many users are connected, over all nodes. A user counts once in each room.
	Users int `json:"users"`
	// How many connections they have.
	Connections int `json:"connections"`
}

// ListRoomPresence returns the rooms that have users, the fullest first. All pages show the
// moment of the first page. They are available for five minutes.
func (s *Service) ListRoomPresence(ctx context.Context, in *ListRoomPresenceInput) (*ListRoomPresenceOutput, error) {
	if err := iam.CallFrom(ctx).Authorize("confab:ListRoomPresence", s.EveryRoom(), iam.Keys{}); err != nil {
		return nil, err
	}
	from, err := operation.OpenPage[*presence.Place](in.NextToken, "rooms")
	if err != nil {
		return nil, err
	}
	if from != nil && (from.Offset < 0 || !chat.ValidID(from.Snapshot)) {
		return nil, chat.InvalidField("nextToken", "must be that of a page of this list")
	}
	page, ok := s.o.Presence.Rooms(ctx, from, operation.PageSize(in.MaxResults))
	if !ok {
		return nil, chat.InvalidField("nextToken", "must be that of a page of the last five minutes; begin with a first page again")
	}
	out := &ListRoomPresenceOutput{Rooms: make([]RoomPresence, len(page.Rooms))}
	for i, r := range page.Rooms {
		out.Rooms[i] = RoomPresence{RoomARN: s.RoomARN(r.Room).String(), Users: r.Users, Connections: r.Connections}
	}
	if page.More {
		offset := len(page.Rooms)
		if from != nil {
			offset += from.Offset
		}
		out.NextToken = operation.SealPage(presence.Place{Snapshot: page.Snapshot, Offset: offset}, "rooms")
	}
	return out, nil
}
