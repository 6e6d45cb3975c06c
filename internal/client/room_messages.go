package client

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/roomops"
)

const (
	usualMessages = 50
	historyTag    = "confab:history"
)

var messageColumns = []command.Column{
	{Heading: "TIME", Member: "sendTime"},
	{Heading: "USER", Show: func(o command.Object) string {
		sender, _ := o["sender"].(command.Object)
		id, _ := sender["userId"].(string)
		return id
	}},
	{Heading: "MESSAGE", Member: "content"},
	{Heading: "ID", Member: "id"},
}

func newRoomMessages(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "messages ROOM",
		Short: "Show the latest messages of a room",
		Long: `Show the latest messages of a room with history (the tag confab:history), oldest first. Deleted
messages are left out, unless --deleted is set.`,
		Example: command.Examples(
			"confab room messages demo",
			"confab room messages demo --limit 0 --user ann -o jsonl",
			"confab room messages demo --since 15m -o text | cut -f 2,3",
		),
		Args: command.Args("ROOM"),
	}
	f := command.NewFlags(cmd, env)
	flags := cmd.Flags()
	limit := flags.Int("limit", usualMessages, "Maximum number of `MESSAGES`; 0 is all.")
	user := flags.String("user", "", "Show only messages of this `USER`.")
	since := flags.String("since", "", "Show messages from this `TIME` on: 15m ago, or 2026-01-31T12:00:00Z.")
	until := flags.String("until", "", "Show messages before this `TIME`.")
	deleted := flags.Bool("deleted", false, "Show deleted messages, too; this needs confab:ReadModerated.")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		if *limit < 0 {
			return command.Usagef("--limit %d: must be 0 or more", *limit)
		}
		in := &roomops.ListMessagesInput{RoomIdentifier: &room, SenderUserID: command.Optional(*user)}
		var err error
		if in.StartTime, err = command.TimeFlag("--since", *since); err != nil {
			return err
		}
		if in.EndTime, err = command.TimeFlag("--until", *until); err != nil {
			return err
		}
		if *deleted {
			in.IncludeDeleted = deleted
		}
		items, err := latestMessages(ctx, api, in, *limit)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			warnHistory(ctx, cmd.ErrOrStderr(), api, room, cmd.Flags().Arg(0))
		}
		return p.List("messages", items, messageColumns...)
	})
	return cmd
}

// warnHistory prints a warning if a room keeps no messages. Without it, the empty list looks
// like that of a room in which no message was sent.
func warnHistory(ctx context.Context, errs io.Writer, api *command.API, arn, named string) {
	out, err := api.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &arn})
	if err != nil {
		return // Without ivschat:GetRoom the command works as well.
	}
	if keeps := out.Tags[historyTag]; keeps == "" || keeps == "off" {
		fmt.Fprintf(errs, "confab: the room keeps no messages; confab room tag %s %s=24h keeps them from now on\n", command.Plain(named), historyTag)
	}
}

// latestMessages returns the latest messages that the input asks for, the oldest first.
func latestMessages(ctx context.Context, api *command.API, in *roomops.ListMessagesInput, limit int) ([]command.Object, error) {
	messages, err := command.All(ctx, api, "ListMessages", in, command.Paging{Size: &in.MaxResults, Token: &in.NextToken, Limit: limit},
		func(page *roomops.ListMessagesOutput) ([]roomops.Message, *string) {
			return page.Messages, page.NextToken
		})
	if err != nil {
		return nil, err
	}
	slices.Reverse(messages)
	return command.Objects(messages), nil
}
