package moderator

import (
	"context"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/moderationops"
)

var logColumns = []command.Column{
	{Heading: "TIME", Member: "time"},
	{Heading: "ACTION", Member: "action"},
	{Heading: "ROOM", Show: banRoom},
	{Heading: "USER", Member: "userId"},
	{Heading: "BY", Show: actor},
	{Heading: "REASON", Member: "reason"},
	{Heading: "MESSAGE", Member: "messageId"},
	{Heading: "DETAILS", Member: "details"},
}

// usualEvents is how many events are listed unless --limit says otherwise.
const usualEvents = 50

func newLog(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "moderation-log [ROOM]",
		Short: "Show what moderators and content filters did",
		Long: `List what moderators and content filters did, the newest first. With ROOM, list what was done in this room only,
without what applies to every room.`,
		Example: command.Examples(
			"confab moderation-log",
			"confab moderation-log demo --user troll -o json",
			"confab moderation-log demo --since 24h -o text | cut -f 2 | sort | uniq -c",
		),
		Args:       command.Args("[ROOM]"),
		SuggestFor: []string{"audit", "log", "modlog"},
	}
	f := command.NewFlags(cmd, env)
	flags := cmd.Flags()
	limit := flags.Int("limit", usualEvents, "Maximum number of `EVENTS`; 0 is all.")
	user := flags.String("user", "", "Show only what was done to this `USER`.")
	since := flags.String("since", "", "Show events from this `TIME` on: 15m ago, or 2026-01-31T12:00:00Z.")
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		if *limit < 0 {
			return command.Usagef("--limit %d: must be 0 or more", *limit)
		}
		in := &moderationops.ListModerationEventsInput{RoomIdentifier: command.Optional(room), UserID: command.Optional(*user)}
		var err error
		if in.StartTime, err = command.TimeFlag("--since", *since); err != nil {
			return err
		}
		events, err := command.All(ctx, api, "ListModerationEvents", in, command.Paging{Size: &in.MaxResults, Token: &in.NextToken, Limit: *limit},
			func(page *moderationops.ListModerationEventsOutput) ([]moderationops.ModerationEvent, *string) {
				return page.Events, page.NextToken
			})
		if err != nil {
			return err
		}
		return p.List("events", command.Objects(events), logColumns...)
	})
	return cmd
}

// actor is who did something: a principal, a user, or a content filter.
func actor(o command.Object) string {
	by, _ := o["by"].(command.Object)
	for _, member := range []string{"userId", "principalArn"} {
		if name, ok := by[member].(string); ok {
			return name
		}
	}
	return ""
}
