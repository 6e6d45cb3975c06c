package client

import (
	"context"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/roomops"
)

func newSend(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "send ROOM TEXT --as USER",
		Short: "Send a message to a room",
		Long: `Send a message to a room without a connection, as a bot or a bridge does. This is Confab's
operation SendMessage. Amazon IVS Chat does not have it; there, pipe the text into confab chat.`,
		Example: command.Examples(
			`confab send demo "Hello, world" --as ann`,
			`confab send demo "We are live" --as bot --attribute kind=notice --sender-attribute displayName=Bot`,
			`confab send demo "$(date)" --as clock -o json`,
		),
		Args: command.Args("ROOM", "TEXT"),
	}
	f := command.NewFlags(cmd, env)
	flags := cmd.Flags()
	as := flags.String("as", "", "`USER` id of the sender.")
	command.Offer(cmd, "as")
	attributes := flags.StringArray("attribute", nil, "Attribute of the message as `KEY=VALUE`; may be repeated.")
	sender := flags.StringArray("sender-attribute", nil, "Attribute of the sender as `KEY=VALUE`; may be repeated.")
	skip := flags.Bool("skip-review", false, "Do not ask the message review handler; this needs confab:SkipReview.")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		if *as == "" {
			return command.Usagef("--as is missing: it names the sender of the message")
		}
		in := &roomops.SendMessageInput{RoomIdentifier: &room, UserID: as, Content: &rest[0]}
		var err error
		if in.Attributes, err = command.Pairs("--attribute", *attributes); err != nil {
			return err
		}
		if in.SenderAttributes, err = command.Pairs("--sender-attribute", *sender); err != nil {
			return err
		}
		if *skip {
			in.SkipReview = skip
		}
		out, err := command.Call[roomops.SendMessageOutput](ctx, api, "SendMessage", in)
		if err != nil {
			return err
		}
		return p.One(command.Members(out), command.Column{Member: "id"}, command.Column{Member: "sendTime"})
	})
	return cmd
}
