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
		in := &moderationops.UpdateRoomModesInput{RoomIdentifier: &room}
		sets := false
		for name, m := range map[string]struct{ value, member **string }{
			"slow-mode": {&slowMode, &in.SlowMode}, "send": {&send, &in.Send}, "links": {&links, &in.Links}, "repeat": {&repeat, &in.Repeat},
		} {
			if flags.Changed(name) {
				*m.member, sets = *m.value, true
			}
		}
		if flags.Changed("for") {
			switch {
			case !sets:
				return command.Usagef("--for needs a mode that it sets, such as --slow-mode")
			case *lasts < time.Second:
				return command.Usagef("--for %v: must be at least 1s", *lasts)
			}
			in.ModeDuration = new(int64(*lasts / time.Second))
		}
		operation, request := "GetRoomModes", any(&moderationops.GetRoomModesInput{RoomIdentifier: &room})
		if sets {
			operation, request = "UpdateRoomModes", in
		}
		out, err := command.Call[moderationops.RoomModesOutput](ctx, api, operation, request)
		if err != nil {
			return err
		}
		items := make([]command.Object, len(out.Modes))
		for i := range out.Modes {
			items[i] = command.Members(out.Modes[i])
		}
		return p.List("modes", items, command.Column{Heading: "MODE", Member: "name"}, command.Column{Heading: "VALUE", Member: "value"},
			command.Column{Heading: "SOURCE", Member: "source"}, command.Column{Heading: "UNTIL", Member: "expirationTime"}, command.Column{Heading: "BY", Member: "by"})
	})
	return cmd
}
