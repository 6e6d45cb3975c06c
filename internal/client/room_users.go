package client

import (
	"context"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/roomops"
)

// pageUsers is the most users that ListRoomUsers answers.
const pageUsers = 200

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
		in := &roomops.ListRoomUsersInput{RoomIdentifier: &room, MaxResults: new(int32(pageUsers))}
		var items []command.Object
		for {
			page, err := command.Call[roomops.ListRoomUsersOutput](ctx, api, "ListRoomUsers", in)
			if err != nil {
				return err
			}
			for i := range page.Users {
				items = append(items, command.Members(page.Users[i]))
			}
			if in.NextToken = page.NextToken; in.NextToken == nil {
				break
			}
		}
		return p.List("users", items, command.Column{Heading: "USER", Member: "userId"}, command.Column{Heading: "CONNECTIONS", Member: "connections"},
			command.Column{Heading: "SINCE", Member: "connectedSince"}, command.Column{Heading: "CAN", Member: "capabilities"}, command.Column{Heading: "ATTRIBUTES", Member: "attributes"})
	})
	return cmd
}
