package client

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/spf13/cobra"

	"confab/internal/command"
)

func newRoom(env command.Environment) *cobra.Command {
	cmd := command.Parent("room", "Manage rooms; read and export what was said in them",
		newRoomList(env), newRoomGet(env), newRoomCreate(env), newRoomUpdate(env), newRoomDelete(env),
		newRoomTag(env), newRoomUntag(env), newRoomMessages(env), newRoomExport(env), newRoomUsers(env), newRoomModes(env))
	cmd.Long = `Manage rooms, and read their messages. ROOM is an ARN, an id, or a name that no other room
has.`
	return cmd
}

// roomColumns are those of a room in a list.
var roomColumns = []command.Column{
	{Heading: "ID", Member: "id"},
	{Heading: "NAME", Member: "name"},
	{Heading: "UPDATED", Member: "updateTime"},
	{Heading: "TAGS", Member: "tags"},
	{Heading: "ARN", Member: "arn"},
}

func newRoomList(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List rooms",
		Long:  `List rooms, most recently changed first.`,
		Example: command.Examples(
			"confab room list",
			"confab room list --name demo -o json",
			"confab room list -o text | cut -f 1,2",
		),
		Args: command.NoArgs,
	}
	f := command.NewFlags(cmd, env)
	name := cmd.Flags().String("name", "", "List only rooms with this `NAME`.")
	handler := cmd.Flags().String("review-handler", "", "List only rooms with the message review handler that has this `URI`.")
	logging := cmd.Flags().String("logging", "", "List only rooms with this `LOGGING` configuration (ARN, id or unique name).")
	f.CompleteFlag(cmd, "logging", command.LoggingNames)
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, _ []string) error {
		in := &ivschat.ListRoomsInput{Name: command.Optional(*name), MessageReviewHandlerUri: command.Optional(*handler)}
		if *logging != "" {
			arn, err := api.LoggingConfiguration(ctx, *logging)
			if err != nil {
				return err
			}
			in.LoggingConfigurationIdentifier = &arn
		}
		rooms, err := api.Rooms(ctx, in)
		if err != nil {
			return err
		}
		return p.List("rooms", command.Objects(rooms), roomColumns...)
	})
	return cmd
}

func newRoomGet(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get ROOM",
		Short: "Show a room",
		Long:  `Show all members of a room.`,
		Example: command.Examples(
			"confab room get demo",
			"confab room get demo -o json",
			"confab room get demo -o text | cut -f 5     # the ARN",
		),
		Args: command.Args("ROOM"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		out, err := api.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &room})
		if err != nil {
			return api.Explain(err)
		}
		return p.One(command.Members(out), roomColumns...)
	})
	return cmd
}

func newRoomDelete(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ROOM",
		Short: "Delete a room",
		Long: `Delete a room. Its connections stay open, but messages to it are refused. If the server has
--close-on-room-delete, the connections end.`,
		Example: command.Examples(
			"confab room delete old",
			"confab room delete older -o json",
			"confab room list --name oldest -o text | cut -f 1 | xargs -n 1 confab room delete",
		),
		Args: command.Args("ROOM"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		if _, err := api.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: &room}); err != nil {
			return api.Explain(err)
		}
		return p.Done(room, "Deleted %s", room)
	})
	return cmd
}
