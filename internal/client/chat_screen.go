package client

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/chat"
	"confab/internal/chatroom"
	"confab/internal/chatscreen"
	"confab/internal/command"
	"confab/internal/moderationops"
	"confab/internal/roomops"
	"confab/internal/serverops"
)

const (
	// allowedTime bounds the question what the credentials allow.
	allowedTime = 5 * time.Second
	// earlierMessages is how many messages are read at once when someone scrolls up.
	earlierMessages = 100
)

// restrictions are what a moderator can set at the screen.
var restrictions = []chatscreen.Restriction{
	{Kind: "BAN", Key: "ctrl+b", Verb: "ban"},
	{Kind: "MUTE", Key: "ctrl+t", Verb: "mute"},
	{Kind: "HIDE", Key: "ctrl+g", Verb: "hide"},
}

// hasScreen reports whether the chat has a terminal that can show one.
func hasScreen(env command.Environment) bool {
	return command.IsTerminal(env.In) && command.IsTerminal(env.Out) && env.Variable("TERM") != "dumb"
}

// showChat shows the chat on the terminal.
func showChat(ctx context.Context, env command.Environment, api *command.API, title string, in *ivschat.CreateChatTokenInput, room chatroom.Options) error {
	o := chatscreen.Options{
		In: env.In, Out: env.Out, Environment: env.Variables, Title: title, UserID: *in.UserId, Room: room,
		Send:       slices.Contains(in.Capabilities, types.ChatTokenCapabilitySendMessage),
		Delete:     slices.Contains(in.Capabilities, types.ChatTokenCapabilityDeleteMessage),
		Disconnect: slices.Contains(in.Capabilities, types.ChatTokenCapabilityDisconnectUser),
	}
	arn := in.RoomIdentifier
	allowed := allowedActions(ctx, api)
	if slices.Contains(allowed, "confab:CreateBan") {
		o.Restrictions = restrictions
		o.Restrict = func(ctx context.Context, kind, userID, reason string, lasts time.Duration) error {
			in := &moderationops.CreateBanInput{RoomIdentifier: arn, Type: &kind, UserID: &userID, Reason: command.Optional(reason)}
			if lasts > 0 {
				in.BanDuration = new(max(int64(lasts/time.Second), 1))
			}
			_, err := command.Call[moderationops.BanOutput](ctx, api, "CreateBan", in)
			return err
		}
	}
	if slices.Contains(allowed, "confab:UpdateRoomModes") {
		o.Modes = func(ctx context.Context, set map[string]string) (string, error) {
			modes, err := setModes(ctx, api, *arn, set)
			all := make([]string, len(modes))
			for i := range modes {
				all[i] = modes[i].Name + "=" + modes[i].Value
			}
			return strings.Join(all, " "), err
		}
	}
	if slices.Contains(allowed, "confab:ListMessages") {
		o.Earlier = func(ctx context.Context, until time.Time) ([]*chatroom.Frame, error) {
			// Messages of the same millisecond may be missing; those that are known are left out.
			end := chat.FormatTime(until.Add(time.Millisecond))
			items, err := latestMessages(ctx, api, &roomops.ListMessagesInput{RoomIdentifier: arn, EndTime: &end}, earlierMessages)
			if err != nil {
				return nil, err
			}
			frames := make([]*chatroom.Frame, len(items))
			for i := range items {
				frames[i] = frameOf(items[i])
			}
			return frames, nil
		}
	}
	if slices.Contains(allowed, "confab:GetRoomPresence") {
		o.Viewers = func(ctx context.Context) (int, error) {
			out, err := command.Call[roomops.GetRoomPresenceOutput](ctx, api, "GetRoomPresence", &roomops.GetRoomPresenceInput{RoomIdentifier: arn})
			if err != nil {
				return 0, err
			}
			return out.Users, nil
		}
	}
	return chatscreen.Run(ctx, o)
}

// allowedActions returns what the credentials allow in every room, if the server can tell.
func allowedActions(ctx context.Context, api *command.API) []string {
	ctx, cancel := context.WithTimeout(ctx, allowedTime)
	defer cancel()
	out, err := command.Call[serverops.GetServerOutput](ctx, api, "GetServer", &serverops.GetServerInput{})
	if err != nil {
		return nil // Amazon IVS Chat cannot tell, and has none of these operations.
	}
	return out.AllowedActions
}
