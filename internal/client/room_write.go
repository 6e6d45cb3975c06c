package client

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"confab/internal/command"
)

// roomFlags are the settings of a room.
type roomFlags struct {
	set               *pflag.FlagSet
	length, rate      int32
	handler, fallback string
	logging           []string
}

func newRoomFlags(cmd *cobra.Command, f *command.Flags) *roomFlags {
	r := &roomFlags{set: cmd.Flags()}
	r.set.Int32Var(&r.length, "max-length", 0, "Maximum length of a message in `CHARACTERS`, 1 to 500; a new room has 500.")
	r.set.Int32Var(&r.rate, "max-rate", 0, "Maximum number of `MESSAGES` a second in the room, 1 to 100; a new room has 10.")
	r.set.StringVar(&r.handler, "review-handler", "", "`URI` of the message review handler; \"\" is none.")
	r.set.StringVar(&r.fallback, "review-fallback", "", "Result for a message when the handler fails: `ALLOW|DENY`.")
	r.set.StringArrayVar(&r.logging, "logging", nil, "`LOGGING` configuration of the room (ARN, id or unique name); may be repeated; \"\" is none.")
	f.CompleteFlag(cmd, "logging", command.LoggingNames)
	command.CompleteWords(cmd, "review-fallback", "ALLOW", "DENY")
	return r
}

// changed returns the value if its flag was given, so that nothing else is in the request.
func changed[T any](set *pflag.FlagSet, name string, v T) *T {
	if !set.Changed(name) {
		return nil
	}
	return &v
}

func (r *roomFlags) review() *types.MessageReviewHandler {
	if !r.set.Changed("review-handler") && !r.set.Changed("review-fallback") {
		return nil
	}
	return &types.MessageReviewHandler{
		Uri: changed(r.set, "review-handler", r.handler), FallbackResult: types.FallbackResult(r.fallback),
	}
}

// loggingARNs is nil if the flag was not given, and empty for none.
func (r *roomFlags) loggingARNs(ctx context.Context, api *command.API) ([]string, error) {
	if !r.set.Changed("logging") {
		return nil, nil
	}
	arns := []string{}
	for _, named := range r.logging {
		if named == "" {
			continue
		}
		arn, err := api.LoggingConfiguration(ctx, named)
		if err != nil {
			return nil, err
		}
		arns = append(arns, arn)
	}
	return arns, nil
}

func newRoomCreate(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create [NAME]",
		Short: "Create a room",
		Long: `Create a room. Names need not be unique, but commands find a room by its name only if it is.
Tags that begin with confab: are settings that Confab adds, such as history; see docs/history.md.`,
		Example: command.Examples(
			"confab room create lobby",
			"confab room create stage --max-rate 100 --tag confab:history=24h --tag team=live -o json",
			"room=$(confab room create -o text | cut -f 5)",
		),
		Args: command.Args("[NAME]"),
	}
	f := command.NewFlags(cmd, env)
	r := newRoomFlags(cmd, f)
	tags := cmd.Flags().StringArray("tag", nil, "Tag of the room as `KEY=VALUE`; may be repeated.")
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, args []string) error {
		pairs, err := command.Pairs("--tag", *tags)
		if err != nil {
			return err
		}
		in := &ivschat.CreateRoomInput{
			MaximumMessageLength:        changed(r.set, "max-length", r.length),
			MaximumMessageRatePerSecond: changed(r.set, "max-rate", r.rate),
			MessageReviewHandler:        r.review(), Tags: pairs,
		}
		if len(args) > 0 {
			in.Name = &args[0]
		}
		if in.LoggingConfigurationIdentifiers, err = r.loggingARNs(ctx, api); err != nil {
			return err
		}
		out, err := api.CreateRoom(ctx, in)
		if err != nil {
			return api.Explain(err)
		}
		return p.One(command.Members(out), roomColumns...)
	})
	return cmd
}

func newRoomUpdate(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update ROOM",
		Short: "Change a room",
		Long:  `Change a room. Members without a flag stay as they are. Connections stay open.`,
		Example: command.Examples(
			"confab room update demo --max-rate 50",
			"confab room update demo --max-length 200 --max-rate 10 -o json",
			`confab room update demo --logging ""`,
		),
		Args: command.Args("ROOM"),
	}
	f := command.NewFlags(cmd, env)
	r := newRoomFlags(cmd, f)
	name := cmd.Flags().String("name", "", "`NAME` of the room.")
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		logging, err := r.loggingARNs(ctx, api)
		if err != nil {
			return err
		}
		out, err := api.UpdateRoom(ctx, &ivschat.UpdateRoomInput{
			Identifier: &room, Name: changed(r.set, "name", *name),
			MaximumMessageLength:            changed(r.set, "max-length", r.length),
			MaximumMessageRatePerSecond:     changed(r.set, "max-rate", r.rate),
			MessageReviewHandler:            r.review(),
			LoggingConfigurationIdentifiers: logging,
		})
		if err != nil {
			return api.Explain(err)
		}
		return p.One(command.Members(out), roomColumns...)
	})
	return cmd
}

func newRoomTag(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tag ROOM [KEY=VALUE…]",
		Short: "Set tags of a room, or list them",
		Long: `Set tags of a room. Other tags stay. Tags that begin with confab: are settings that Confab adds. Without
KEY=VALUE, list the tags.`,
		Example: command.Examples(
			"confab room tag demo team=live",
			"confab room tag demo confab:history=24h confab:history-on-join=20",
			"confab room tag demo -o json",
		),
		Args: command.Args("ROOM", "[KEY=VALUE…]"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		if len(rest) == 0 {
			return listTags(ctx, api, p, room)
		}
		tags, err := command.Pairs("tag", rest)
		if err != nil {
			return err
		}
		if _, err := api.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: &room, Tags: tags}); err != nil {
			return api.Explain(err)
		}
		return p.Done(room, "Tagged %s", room)
	})
	return cmd
}

// listTags prints the tags of a room, one a line unless JSON is asked for.
func listTags(ctx context.Context, api *command.API, p *command.Printer, room string) error {
	out, err := api.ListTagsForResource(ctx, &ivschat.ListTagsForResourceInput{ResourceArn: &room})
	if err != nil {
		return api.Explain(err)
	}
	if p.Form == command.JSON || p.Form == command.JSONL {
		return p.One(command.Members(out))
	}
	var items []command.Object
	for _, key := range slices.Sorted(maps.Keys(out.Tags)) {
		items = append(items, command.Object{"key": key, "value": out.Tags[key]})
	}
	return p.List("tags", items, command.Column{Heading: "KEY", Member: "key"}, command.Column{Heading: "VALUE", Member: "value"})
}

func newRoomUntag(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "untag ROOM KEY…",
		Short: "Remove tags of a room",
		Long:  `Remove tags of a room. It is no error if the room does not have a tag.`,
		Example: command.Examples(
			"confab room untag demo team",
			"confab room untag demo confab:history confab:history-on-join",
			"confab room untag demo team -o json",
		),
		Args: command.Args("ROOM", "KEY…"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoom(cmd, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		if _, err := api.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: &room, TagKeys: rest}); err != nil {
			return api.Explain(err)
		}
		return p.Done(room, "Untagged %s", room)
	})
	return cmd
}
