package moderator

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/roomops"
)

var traceColumns = []command.Column{
	{Heading: "TIME", Member: "time"},
	{Heading: "USER", Member: "userId"},
	{Heading: "RESULT", Member: "result"},
	{Heading: "RULE", Member: "rule"},
	{Heading: "CODE", Member: "errorCode"},
	{Heading: "ERROR", Member: "errorMessage"},
	{Heading: "DELIVERIES", Member: "deliveries"},
	{Heading: "MS", Show: traceMilliseconds},
	{Heading: "NODE", Member: "node"},
	{Heading: "ID", Member: "messageId"},
}

func newTrace(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace ROOM",
		Short: "Show why messages were refused, changed or hidden",
		Long: `List the last attempts to send a message in a room, the newest first: whether each was delivered, changed,
refused or hidden, by which rule, and how long it took. What was said is not shown.`,
		Example: command.Examples(
			"confab trace demo",
			"confab trace demo --user ann --result REFUSED -o json",
			"confab trace demo -o text | cut -f 2-4 | sort | uniq -c",
		),
		Args:       command.Args("ROOM"),
		SuggestFor: []string{"why", "explain"},
	}
	f := command.NewFlags(cmd, env)
	var user, result string
	cmd.Flags().StringVar(&user, "user", "", "`USER` whose messages are listed; default all.")
	cmd.Flags().StringVar(&result, "result", "", "`RESULT` of the messages: DELIVERED, CHANGED, REFUSED or HIDDEN; default all.")
	command.CompleteWords(cmd, "result", "DELIVERED", "CHANGED", "REFUSED", "HIDDEN")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		in := &roomops.ListMessageTracesInput{
			RoomIdentifier: &room, UserID: command.Optional(user), Result: command.Optional(strings.ToUpper(result)),
		}
		traces, err := command.All(ctx, api, "ListMessageTraces", in, command.Paging{Size: &in.MaxResults, Token: &in.NextToken},
			func(page *roomops.ListMessageTracesOutput) ([]roomops.MessageTrace, *string) {
				return page.Traces, page.NextToken
			})
		if err != nil {
			return err
		}
		return p.List("traces", command.Objects(traces), traceColumns...)
	})
	return cmd
}

// traceMilliseconds is the time that an attempt took, and the stages that took some of it.
func traceMilliseconds(o command.Object) string {
	ms, _ := o["milliseconds"].(command.Object)
	parts := []string{fmt.Sprint(ms["total"])}
	for _, stage := range []string{"filter", "review", "transcript", "publish"} {
		if v, ok := ms[stage].(float64); ok && v > 0 {
			parts = append(parts, fmt.Sprintf("%s=%v", stage, v))
		}
	}
	return strings.Join(parts, " ")
}
