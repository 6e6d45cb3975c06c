package client

import (
	"context"

	"github.com/spf13/cobra"

	"confab/internal/command"
)

func newRoomUsers(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "users ROOM",
		Short: "List who is connected to a room",
		Long:  `List the users who are connected to a room, over all nodes.`,
		Example: command.Examples(
			"confab room users demo",
			"confab room users demo -o json",
			"confab room users demo -o text | cut -f 1 | sort",
		),
		Args: command.Args("ROOM"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		users, err := api.Users(ctx, room, 0)
		if err != nil {
			return err
		}
		return p.List("users", command.Objects(users), command.Column{Heading: "USER", Member: "userId"}, command.Column{Heading: "CONNECTIONS", Member: "connections"},
			command.Column{Heading: "SINCE", Member: "connectedSince"}, command.Column{Heading: "CAN", Member: "capabilities"}, command.Column{Heading: "ATTRIBUTES", Member: "attributes"})
	})
	return cmd
}
