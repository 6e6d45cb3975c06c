package moderationops

import (
	"context"

	"confab/internal/chat"
	"confab/internal/operation"
)

// GetRoomModesInput is what GetRoomModes takes.
type GetRoomModesInput struct {
	// The ARN of the room.
	RoomIdentifier *string `json:"roomIdentifier" rule:"required room"`
}

// RoomModesOutput is the modes of a room.
type RoomModesOutput struct {
	// All modes: slow-mode, send, links, repeat.
	Modes []Mode `json:"modes"`
}

// Mode is a setting of a room that moderators switch. It overrides the tag of the same
// name.
type Mode struct {
	// slow-mode, send, links or repeat.
	Name string `json:"name"`
	// The value in force, in the form of the tag: off or a duration, or all, staff or
	// nobody.
	Value string `json:"value"`
	// The source of the value: DEFAULT, TAG (of the room), or MODERATOR (UpdateRoomModes).
	Source string `json:"source"`
	// When the tag applies again; absent if the mode was set without a duration.
	ExpirationTime *string `json:"expirationTime,omitzero" rule:"time"`
	// Who set it: the ARN of a principal, or for a moderator with a chat token the ARN of
	// the room, a slash, and the user id.
	By *string `json:"by,omitzero"`
}

// GetRoomModes returns the modes of a room, with the source of each value. A chat token
// with DISCONNECT_USER is accepted instead of a signature, for its room.
func (s *Service) GetRoomModes(ctx context.Context, in *GetRoomModesInput) (*RoomModesOutput, error) {
	room, err := s.Moderated(ctx, *in.RoomIdentifier, chat.DisconnectUser, "GetRoomModes")
	if err != nil {
		return nil, err
	}
	return s.showModes(room), nil
}

func (s *Service) showModes(room *chat.Room) *RoomModesOutput {
	tags, _ := chat.ExtensionsOf(room.Tags)
	out := &RoomModesOutput{}
	for _, name := range chat.ModeNames {
		shown := Mode{Name: name, Value: tags.Value(name), Source: "DEFAULT"}
		if value, ok := room.Tags[chat.ExtensionTag+name]; ok && chat.CheckExtensionTag(chat.ExtensionTag+name, value) == nil {
			shown.Source = "TAG"
		}
		for i := range room.Modes {
			if m := &room.Modes[i]; m.Name == name && m.In(s.o.Bans.Now()) {
				shown.Value, shown.Source, shown.By = m.Value, "MODERATOR", operation.NotEmpty(m.By)
				if !m.Expires.IsZero() {
					shown.ExpirationTime = new(chat.FormatTime(m.Expires))
				}
			}
		}
		out.Modes = append(out.Modes, shown)
	}
	return out
}
