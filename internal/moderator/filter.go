package moderator

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/moderationops"
)

func newFilter(env command.Environment) *cobra.Command {
	cmd := command.Parent("filter", "Manage content filters",
		newFilterPut(env), newFilterGet(env), newFilterTest(env), newFilterList(env), newFilterDelete(env))
	cmd.Long = `Manage content filters, which refuse, mask, hide or flag messages with certain words and patterns. ROOM can
be all, for every room.`
	return cmd
}

var filterColumns = []command.Column{
	{Heading: "NAME", Member: "name"},
	{Heading: "ROOM", Show: banRoom},
	{Heading: "ACTION", Member: "action"},
	{Heading: "TERMS", Member: "termCount"},
	{Heading: "EXPRESSIONS", Member: "expressionCount"},
	{Heading: "UPDATED", Member: "updateTime"},
	{Heading: "MESSAGE", Member: "message"},
}

// filterLine is the line of text of one filter.
var filterLine = []command.Column{
	{Member: "name"}, {Show: banRoom}, {Member: "action"}, {Member: "updateTime"}, {Member: "message"},
}

func newFilterPut(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "put ROOM NAME",
		Short: "Create or replace a content filter",
		Long: `Create or replace the content filter NAME of a room. Terms are words and phrases. They match whole words and
ignore case, accents, look-alike letters and punctuation. An asterisk matches the rest of a word. Expressions
are RE2 regular expressions.`,
		Example: command.Examples(
			"confab filter put demo insults --term idiot --term 'shut up' --action DENY --message 'Be kind'",
			"printf '%s\\n' 'scam*' giveaway | confab filter put all spam --terms-from - --action HIDE",
			`confab filter put demo numbers --expression '\b\d{16}\b' --action MASK -o json`,
		),
		Args: command.Args("ROOM", "NAME"),
	}
	f := command.NewFlags(cmd, env)
	var terms, expressions []string
	var from, action, message string
	cmd.Flags().StringArrayVar(&terms, "term", nil, "`TERM` to match; may be repeated.")
	cmd.Flags().StringVar(&from, "terms-from", "", "`FILE` with one term in each line; - is standard input.")
	cmd.Flags().StringArrayVar(&expressions, "expression", nil, "`EXPRESSION` to match; may be repeated.")
	cmd.Flags().StringVar(&action, "action", "DENY", "`ACTION`: DENY, MASK, HIDE or FLAG.")
	command.CompleteWords(cmd, "action", "DENY", "MASK", "HIDE", "FLAG")
	cmd.Flags().StringVar(&message, "message", "", "`TEXT` that the sender of a refused message reads.")
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		in := &moderationops.PutContentFilterInput{
			RoomIdentifier: command.Optional(room), FilterName: &rest[0], Terms: terms, Expressions: expressions, Action: &action, FilterMessage: command.Optional(message),
		}
		if from != "" {
			more, err := readTerms(env, from)
			if err != nil {
				return err
			}
			in.Terms = append(in.Terms, more...)
		}
		if len(in.Terms)+len(in.Expressions) == 0 {
			return command.Usagef("--term is missing; name terms with --term or --terms-from, or patterns with --expression")
		}
		out, err := command.Call[moderationops.PutContentFilterOutput](ctx, api, "PutContentFilter", in)
		if err != nil {
			return err
		}
		return p.One(command.Members(out), filterLine...)
	})
	f.Complete(cmd, 1, command.FilterNames(everyRoom))
	return cmd
}

// readTerms reads the lines of a file that are not empty.
func readTerms(env command.Environment, name string) (terms []string, err error) {
	text, err := command.ReadFile(env.In, "--terms-from", name)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			terms = append(terms, line)
		}
	}
	return terms, nil
}

func newFilterGet(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get ROOM NAME",
		Short: "Show a content filter with its rules",
		Long:  `Show the content filter NAME of a room, with its terms and expressions.`,
		Example: command.Examples(
			"confab filter get demo insults",
			"confab filter get all spam -o json",
			"confab filter get demo insults -o text | cut -f 3",
		),
		Args: command.Args("ROOM", "NAME"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		out, err := command.Call[moderationops.GetContentFilterOutput](ctx, api, "GetContentFilter",
			&moderationops.GetContentFilterInput{RoomIdentifier: command.Optional(room), FilterName: &rest[0]})
		if err != nil {
			return err
		}
		return p.One(command.Members(out), filterLine...)
	})
	f.Complete(cmd, 1, command.FilterNames(everyRoom))
	return cmd
}

var matchColumns = []command.Column{
	{Heading: "FILTER", Member: "filter"},
	{Heading: "RULE", Member: "rule"},
	{Heading: "START", Member: "start"},
	{Heading: "END", Member: "end"},
}

func newFilterTest(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test ROOM TEXT",
		Short: "Show what content filters do with a text",
		Long: `Show what would happen to the message TEXT in a room, and which rules of content filters match where. The
filters of every room are included. No message is sent.`,
		Example: command.Examples(
			"confab filter test demo 'you i.d.i.o.t'",
			"confab filter test all 'hello' -o json",
			"confab filter test demo 'hello' -o text",
		),
		Args: command.Args("ROOM", "TEXT"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		out, err := command.Call[moderationops.TestContentFilterOutput](ctx, api, "TestContentFilter",
			&moderationops.TestContentFilterInput{RoomIdentifier: command.Optional(room), Content: &rest[0]})
		if err != nil {
			return err
		}
		result := command.Members(out)
		switch p.Form {
		case command.Table:
			matches := make([]command.Object, len(out.Matches))
			for i := range out.Matches {
				matches[i] = command.Members(out.Matches[i])
			}
			delete(result, "matches")
			if err := p.One(result); err != nil || len(matches) == 0 {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
				return err
			}
			return p.List("matches", matches, matchColumns...)
		default:
			return p.One(result, command.Column{Member: "action"}, command.Column{Member: "content"}, command.Column{Member: "message"})
		}
	})
	return cmd
}

func newFilterList(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [ROOM]",
		Short: "List content filters",
		Long: `List content filters without their rules. With ROOM, list those of this room only, without those that apply
to every room.`,
		Example: command.Examples(
			"confab filter list",
			"confab filter list demo -o json",
			"confab filter list -o text | cut -f 1",
		),
		Args: command.Args("[ROOM]"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		all, err := api.ContentFilters(ctx, command.Optional(room))
		if err != nil {
			return err
		}
		return p.List("filters", command.Objects(all), filterColumns...)
	})
	return cmd
}

func newFilterDelete(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ROOM NAME",
		Short: "Delete a content filter",
		Long:  `Delete the content filter NAME of a room.`,
		Example: command.Examples(
			"confab filter delete demo insults",
			"confab filter delete all spam -o json",
			"confab filter delete demo numbers",
		),
		Args: command.Args("ROOM", "NAME"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		if _, err := command.Call[moderationops.DeleteContentFilterOutput](ctx, api, "DeleteContentFilter",
			&moderationops.DeleteContentFilterInput{RoomIdentifier: command.Optional(room), FilterName: &rest[0]}); err != nil {
			return err
		}
		return p.Done(rest[0], "Deleted %s", rest[0])
	})
	f.Complete(cmd, 1, command.FilterNames(everyRoom))
	return cmd
}
