package roomops

import (
	"context"

	"confab/internal/chat"
)

// GetRoomPresenceInput is what GetRoomPresence takes.
type GetRoomPresenceInput struct {
	// The ARN of the room.
	RoomIdentifier *string `json:"roomIdentifier" rule:"required room"`
}

// GetRoomPresenceOutput is how many users and connections a room has.
type GetRoomPresenceOutput struct {
	// The ARN of the room.
	RoomARN string `json:"roomArn"`
	// How many users are connected, over all nodes. A user counts once.
	Users int `json:"users"`
	// How many connections they have.
	Connections int `json:"connections"`
	// The highest number of users so far, since the nodes were started; only for a room
	// with the tag confab:presence.
	PeakUsers *int `json:"peakUsers,omitzero"`
	// When the room had that number.
	PeakTime *string `json:"peakTime,omitzero" rule:"time"`
}

// GetRoomPresence returns how many users and connections are in a room, over all nodes.
// They are counted at most once a second.
func (s *Service) GetRoomPresence(ctx context.Context, in *GetRoomPresenceInput) (*GetRoomPresenceOutput, error) {
	room, err := s.Room(ctx, *in.RoomIdentifier, "GetRoomPresence")
	if err != nil {
		return nil, err
	}
	p, err := s.o.Presence.Room(ctx, room.ARN.ID)
	if err != nil {
		return nil, chat.Errorf(chat.Unavailable, "The room was not counted in time; try again")
	}
	out := &GetRoomPresenceOutput{RoomARN: room.ARN.String(), Users: p.Users, Connections: p.Connections}
	if extensions, _ := chat.ExtensionsOf(room.Tags); extensions.Presence != chat.PresenceOff && p.Peak > 0 {
		out.PeakUsers, out.PeakTime = new(p.Peak), new(chat.FormatTime(p.PeakTime))
	}
	return out, nil
}
