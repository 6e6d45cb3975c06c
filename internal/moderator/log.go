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

const (
	usualEvents = 50
	pageEvents  = 200 // the most that ListModerationEvents answers
)

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
		var items []command.Object
		for {
			size := int32(pageEvents)
			if *limit > 0 {
				size = int32(min(pageEvents, *limit-len(items)))
			}
			in.MaxResults = &size
			page, err := command.Call[moderationops.ListModerationEventsOutput](ctx, api, "ListModerationEvents", in)
			if err != nil {
				return err
			}
			for i := range page.Events {
				items = append(items, command.Members(page.Events[i]))
			}
			if in.NextToken = page.NextToken; in.NextToken == nil || *limit > 0 && len(items) >= *limit {
				return p.List("events", items, logColumns...)
			}
		}
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
