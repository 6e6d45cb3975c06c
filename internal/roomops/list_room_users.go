package roomops

import (
	"context"
	"unicode/utf8"

	"confab/internal/chat"
	"confab/internal/operation"
)

// ListRoomUsersInput is what ListRoomUsers takes.
type ListRoomUsersInput struct {
	// The ARN of the room.
	RoomIdentifier *string `json:"roomIdentifier" rule:"required room"`
	// The maximum number of users in a page; 50 if it is absent.
	MaxResults *int32 `json:"maxResults" rule:"1..200"`
	// The nextToken of the previous page.
	NextToken *string `json:"nextToken" rule:"0..1024"`
}

// ListRoomUsersOutput is one page.
type ListRoomUsersOutput struct {
	// The users of the page, by their ids.
	Users []RoomUser `json:"users"`
	// The token of the next page; absent on the last page.
	NextToken *string `json:"nextToken,omitzero"`
}

// RoomUser is a user who is connected to a room.
type RoomUser struct {
	// The user id of the chat token.
	UserID string `json:"userId"`
	// How many connections the user has in the room.
	Connections int `json:"connections"`
	// When the oldest of these connections was made.
	ConnectedSince string `json:"connectedSince" rule:"time"`
	// The attributes of the newest connection's chat token.
	Attributes map[string]string `json:"attributes"`
	// The capabilities of all the user's connections.
	Capabilities []string `json:"capabilities"`
}

// ListRoomUsers returns the users in a room. While others join and leave, a user who stays
// is on exactly one page.
func (s *Service) ListRoomUsers(ctx context.Context, in *ListRoomUsersInput) (*ListRoomUsersOutput, error) {
	room, err := s.Room(ctx, *in.RoomIdentifier, "ListRoomUsers")
	if err != nil {
		return nil, err
	}
	after, err := operation.OpenPage[[]byte](in.NextToken, "users", room.ARN.ID)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(after) { // Other nodes are asked in JSON.
		return nil, chat.InvalidField("nextToken", "must be that of a page of this room")
	}
	page, more := s.o.Presence.Users(ctx, room.ARN.ID, string(after), operation.PageSize(in.MaxResults))
	out := &ListRoomUsersOutput{Users: make([]RoomUser, len(page))}
	for i := range page {
		u := &page[i]
		out.Users[i] = RoomUser{
			UserID: u.UserID, Connections: u.Connections, ConnectedSince: chat.FormatTime(u.Since),
			Attributes: operation.OrEmpty(u.Attributes), Capabilities: make([]string, len(u.Capabilities)),
		}
		for j, c := range u.Capabilities {
			out.Users[i].Capabilities[j] = string(c)
		}
	}
	if more && len(page) > 0 {
		out.NextToken = operation.SealPage([]byte(page[len(page)-1].UserID), "users", room.ARN.ID)
	}
	return out, nil
}
