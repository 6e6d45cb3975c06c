package moderationops

import (
	"context"
	"slices"
	"strings"
	"time"

	"confab/internal/api"
	"confab/internal/chat"
	"confab/internal/iam"
	"confab/internal/operation"
)

// UpdateRoomModesInput is what UpdateRoomModes takes. It needs at least one mode. The empty
// string clears a mode, so that the room's tag applies again.
type UpdateRoomModesInput struct {
	// The ARN of the room.
	RoomIdentifier *string `json:"roomIdentifier" rule:"required room"`
	// The time between two messages of a user: off, or a duration from 1s to 1h.
	SlowMode *string `json:"slowMode" rule:"0..32"`
	// Who may send messages over a connection: all, staff or nobody.
	Send *string `json:"send" rule:"0..32"`
	// Who may send messages with links: all, staff or nobody.
	Links *string `json:"links" rule:"0..32"`
	// The time in which a user cannot send the same message again: off, or a duration from
	// 1s to 1h.
	Repeat *string `json:"repeat" rule:"0..32"`
	// How long the modes of this request are in force; until they are cleared if it is
	// absent.
	ModeDuration *int64 `json:"durationInSeconds" rule:"1..315360000"`
}

// UpdateRoomModes sets modes of a room, which override its tags. They are in force on live
// rooms within a second. Modes do not apply to staff: connections with DELETE_MESSAGE or
// DISCONNECT_USER. A chat token with DISCONNECT_USER is accepted instead of a signature,
// for its room.
func (s *Service) UpdateRoomModes(ctx context.Context, in *UpdateRoomModesInput) (*RoomModesOutput, error) {
	var v api.Violations
	given := map[string]string{}
	for _, m := range []struct {
		member, name string
		value        *string
	}{{"slowMode", "slow-mode", in.SlowMode}, {"send", "send", in.Send}, {"links", "links", in.Links}, {"repeat", "repeat", in.Repeat}} {
		if m.value == nil {
			continue
		}
		given[m.name] = *m.value
		if *m.value == "" {
			continue
		}
		if err := chat.CheckExtensionTag(chat.ExtensionTag+m.name, *m.value); err != nil {
			_, allowed, _ := strings.Cut(err.Error(), " must be ")
			v.Add(m.member, "must be empty, %s", allowed)
		}
	}
	if len(given) == 0 {
		v.Add("slowMode", "or another mode is required")
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	room, err := s.Moderated(ctx, *in.RoomIdentifier, chat.DisconnectUser, "UpdateRoomModes")
	if err != nil {
		return nil, err
	}
	var end time.Time
	if in.ModeDuration != nil {
		end = s.o.Bans.Now().Add(operation.Seconds(in.ModeDuration)).Truncate(time.Microsecond)
	}
	by := iam.CallFrom(ctx).Principal.ARN
	room, err = s.o.Modes.Set(ctx, room.ARN.ID, func(modes []chat.Mode) []chat.Mode {
		modes = slices.DeleteFunc(modes, func(m chat.Mode) bool { _, changed := given[m.Name]; return changed })
		for _, name := range chat.ModeNames {
			if given[name] != "" {
				modes = append(modes, chat.Mode{Name: name, Value: given[name], Expires: end, By: by})
			}
		}
		return modes
	})
	if err != nil {
		return nil, err
	}
	s.o.Live.RoomChanged(ctx, room.ARN.ID)
	return s.showModes(room), nil
}
