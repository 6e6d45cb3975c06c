package client

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/moderationops"
)

func newRoomModes(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "modes ROOM",
		Short: "Show or set slow mode, and who may send what",
		Long: `Set modes of a room, and show all modes. They override the room's tags. They do not apply to moderators. An
empty value clears a mode: then the tag applies again.`,
		Example: command.Examples(
			"confab room modes demo",
			"confab room modes demo --slow-mode 5s --for 10m",
			"confab room modes demo --slow-mode '' --links staff -o json",
		),
		Args: command.Args("ROOM"),
	}
	f := command.NewFlags(cmd, env)
	flags := cmd.Flags()
	slowMode := flags.String("slow-mode", "", "The `TIME` between two messages of a user, from 1s to 1h, or off.")
	send := flags.String("send", "", "`WHO` may send messages: all, staff or nobody.")
	links := flags.String("links", "", "`WHO` may send messages with links: all, staff or nobody.")
	command.CompleteWords(cmd, "send", "all", "staff", "nobody")
	command.CompleteWords(cmd, "links", "all", "staff", "nobody")
	repeat := flags.String("repeat", "", "The `TIME` in which a user cannot send the same message again, from 1s to 1h, or off.")
	lasts := flags.Duration("for", 0, "`TIME` after which the tags apply again, such as 10m; default never.")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		set := map[string]string{}
		for name, value := range map[string]*string{"slow-mode": slowMode, "send": send, "links": links, "repeat": repeat} {
			if flags.Changed(name) {
				set[name] = *value
			}
		}
		if flags.Changed("for") {
			set[modesEnd] = lasts.String()
		}
		modes, err := setModes(ctx, api, room, set)
		if err != nil {
			return err
		}
		return p.List("modes", command.Objects(modes), command.Column{Heading: "MODE", Member: "name"}, command.Column{Heading: "VALUE", Member: "value"},
			command.Column{Heading: "SOURCE", Member: "source"}, command.Column{Heading: "UNTIL", Member: "expirationTime"}, command.Column{Heading: "BY", Member: "by"})
	})
	return cmd
}

// modesEnd is what says how long modes are in force, beside their names.
const modesEnd = "for"

// setModes sets modes of a room by their names, and returns all modes. Without any it sets
// nothing.
func setModes(ctx context.Context, api *command.API, room string, set map[string]string) ([]moderationops.Mode, error) {
	in := &moderationops.UpdateRoomModesInput{RoomIdentifier: &room}
	members := map[string]**string{"slow-mode": &in.SlowMode, "send": &in.Send, "links": &in.Links, "repeat": &in.Repeat}
	operation, request := "GetRoomModes", any(&moderationops.GetRoomModesInput{RoomIdentifier: &room})
	for name, value := range set {
		if name == modesEnd {
			continue
		}
		member := members[name]
		if member == nil {
			return nil, command.Usagef("mode %q: must be slow-mode, send, links or repeat", name)
		}
		*member = &value
		operation, request = "UpdateRoomModes", in
	}
	if text, ok := set[modesEnd]; ok {
		lasts, err := time.ParseDuration(text)
		switch {
		case request != any(in):
			return nil, command.Usagef("--for needs a mode that it sets, such as --slow-mode")
		case err != nil || lasts < time.Second:
			return nil, command.Usagef("--for %s: must be at least 1s", text)
		}
		in.ModeDuration = new(int64(lasts / time.Second))
	}
	out, err := command.Call[moderationops.RoomModesOutput](ctx, api, operation, request)
	if err != nil {
		return nil, err
	}
	return out.Modes, nil
}
