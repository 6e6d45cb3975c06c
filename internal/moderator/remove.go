package moderator

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/roomops"
)

func newDisconnect(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "disconnect ROOM USER",
		Short: "Disconnect a user from a room, once",
		Long: `End all connections of USER to a room (DisconnectUser). The user can connect again with a new chat token; to
prevent that, use confab ban.`,
		Example: command.Examples(
			"confab disconnect demo troll",
			"confab disconnect demo troll --reason 'calm down'",
			"confab disconnect demo troll -o json",
		),
		Args:       command.Args("ROOM", "USER"),
		SuggestFor: []string{"kick"},
	}
	f := command.NewFlags(cmd, env)
	reason := cmd.Flags().String("reason", "", "`REASON`, which the clients of the user get.")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		if _, err := api.DisconnectUser(ctx, &ivschat.DisconnectUserInput{RoomIdentifier: &room, UserId: &rest[0], Reason: command.Optional(*reason)}); err != nil {
			return api.Explain(err)
		}
		return p.Done(rest[0], "Disconnected %s", rest[0])
	})
	f.Complete(cmd, 1, command.UserNames(everyRoom))
	return cmd
}

func newDeleteMessage(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete-message ROOM ID…",
		Short: "Delete messages in a room, by id or by user",
		Long: `Have all clients of a room delete messages (DeleteMessage). confab room messages shows the ids. With --user,
delete the newest messages of a user instead, at most 500, in a room with history (the tag confab:history).`,
		Example: command.Examples(
			"confab delete-message demo AbCdEf123456 --reason 'off topic'",
			"confab room messages demo --user troll -o text | cut -f 4 | xargs -r confab delete-message demo",
			"confab delete-message demo --user troll --since 10m -o json",
		),
		Args: command.Args("ROOM", "[ID…]"),
	}
	f := command.NewFlags(cmd, env)
	flags := cmd.Flags()
	reason := flags.String("reason", "", "`REASON`, which the clients get.")
	user := flags.String("user", "", "Delete the messages of this `USER`.")
	since := flags.String("since", "", "With --user, delete only messages from this `TIME` on: 15m ago, or 2026-01-31T12:00:00Z.")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, ids []string) error {
		switch {
		case len(ids) == 0 && *user == "":
			return command.Usagef("ID is missing; name messages by their ids, or their sender with --user")
		case len(ids) > 0 && *user != "":
			return command.Usagef("ID and --user exclude each other; use one of them")
		case *since != "" && *user == "":
			return command.Usagef("--since needs --user")
		}
		from, err := command.TimeFlag("--since", *since)
		if err != nil {
			return err
		}
		if *user != "" {
			out, err := command.Call[roomops.DeleteUserMessagesOutput](ctx, api, "DeleteUserMessages",
				&roomops.DeleteUserMessagesInput{RoomIdentifier: &room, UserID: user, Since: from, Reason: command.Optional(*reason)})
			if err != nil {
				return err
			}
			return p.One(command.Members(out), command.Column{Member: "deleted"})
		}
		items := make([]command.Object, 0, len(ids))
		for i := range ids {
			out, err := api.DeleteMessage(ctx, &ivschat.DeleteMessageInput{RoomIdentifier: &room, Id: &ids[i], Reason: command.Optional(*reason)})
			if err != nil {
				return api.Explain(err)
			}
			item := command.Members(out)
			item["messageId"] = ids[i]
			items = append(items, item)
		}
		return p.List("events", items, command.Column{Heading: "EVENT", Member: "id"}, command.Column{Heading: "MESSAGE", Member: "messageId"})
	})
	f.CompleteFlag(cmd, "user", command.UserNames(everyRoom))
	return cmd
}

// errErasing is the end of an erasure by Ctrl-C.
var errErasing = errors.New("stopped before all was removed; run it again to remove the rest")

func newErase(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "erase USER",
		Short: "Remove all that a user has written, for good",
		Long: `Remove the messages of USER from the history and from chat logs that were not delivered yet, in every room or
in --room. Clients get delete events for the newest 500 messages of each room. Chat logs that were delivered stay as
they are; the output lists where they have messages of the user. This cannot be undone. On a terminal it asks.`,
		Example: command.Examples(
			"confab erase leaver",
			"confab erase leaver --room demo -o json",
			"confab erase leaver -o text | cut -f 2     # how many messages",
		),
		Args: command.Args("USER"),
	}
	f := command.NewFlags(cmd, env)
	in := cmd.Flags().String("room", "", "Remove messages of this `ROOM` only.")
	yes := cmd.Flags().Bool("yes", false, "Do not ask.")
	f.CompleteFlag(cmd, "room", command.RoomNames)
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, args []string) error {
		ctx, stop := command.Interruptible(ctx)
		defer stop()
		request := &roomops.EraseUserInput{UserID: &args[0]}
		where := "every room"
		if *in != "" {
			room, err := api.Room(ctx, *in)
			if err != nil {
				return err
			}
			request.RoomIdentifier, where = &room, "the room "+*in
		}
		if !*yes && command.IsTerminal(env.In) && command.IsTerminal(env.Out) {
			if err := command.Ask(ctx, env, "Remove all messages of "+command.Plain(args[0])+" from "+command.Plain(where)+" for good?"); err != nil {
				return err
			}
		}
		for {
			out, err := command.Call[roomops.EraseUserOutput](ctx, api, "EraseUser", request)
			if ctx.Err() != nil {
				return errErasing
			}
			if err != nil {
				return err
			}
			if out.Status == "DONE" {
				return p.One(command.Members(out), command.Column{Member: "status"}, command.Column{Member: "messages"})
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return errErasing
			}
		}
	})
	return cmd
}
