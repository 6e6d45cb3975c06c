package client

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/spf13/cobra"

	"confab/internal/command"
)

func newEvent(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "event ROOM NAME [KEY=VALUE…]",
		Short: "Send an event to a room",
		Long:  `Send an event with attributes to all clients of a room (SendEvent).`,
		Example: command.Examples(
			"confab event demo poll-opened question=Tea",
			"confab event demo goal team=home minute=12 -o json",
			"confab event demo stream-ended -o text",
		),
		Args: command.Args("ROOM", "NAME", "[KEY=VALUE…]"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		attributes, err := command.Pairs("attribute", rest[1:])
		if err != nil {
			return err
		}
		out, err := api.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: &room, EventName: &rest[0], Attributes: attributes})
		if err != nil {
			return api.Explain(err)
		}
		return p.One(command.Members(out), command.Column{Member: "id"})
	})
	return cmd
}
