// Package webhookcmd has the commands that manage webhooks: confab webhook ….
package webhookcmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/webhook"
	"confab/internal/webhookops"
)

// New makes the command.
func New(env command.Environment) *cobra.Command {
	cmd := command.Parent("webhook", "Manage webhooks",
		newList(env), newGet(env), newCreate(env), newUpdate(env), newDelete(env), newTest(env), newRotate(env))
	cmd.Long = `Manage webhooks, which send events of rooms to the endpoints of applications. WEBHOOK is an id, or a
name that no other webhook has.`
	return cmd
}

var columns = []command.Column{
	{Heading: "ID", Member: "id"},
	{Heading: "NAME", Member: "name"},
	{Heading: "STATE", Member: "state"},
	{Heading: "ROOMS", Show: selects},
	{Heading: "URL", Member: "url"},
	{Heading: "LAST ERROR", Member: "lastError"},
}

// selects is which rooms a webhook is told of: how many, a tag, or all.
func selects(o command.Object) string {
	if arns, ok := o["roomArns"].([]any); ok {
		return fmt.Sprint(len(arns))
	}
	if tag, ok := o["roomTag"].(command.Object); ok {
		return fmt.Sprintf("%v=%v", tag["key"], tag["value"])
	}
	return "all"
}

// run is Run for a command whose argument is WEBHOOK.
func run(f *command.Flags, cmd *cobra.Command, do func(ctx context.Context, api *command.API, p *command.Printer, id string) error) {
	f.Complete(cmd, 0, command.WebhookNames)
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, args []string) error {
		all, err := api.Webhooks(ctx)
		if err != nil {
			return err
		}
		var found []string
		for i := range all {
			if all[i].ID == args[0] {
				return do(ctx, api, p, args[0])
			}
			if all[i].Name == args[0] {
				found = append(found, all[i].ID)
			}
		}
		switch len(found) {
		case 0:
			return fmt.Errorf("no webhook has the id or the name %q; confab webhook list shows all", args[0])
		case 1:
			return do(ctx, api, p, found[0])
		}
		return command.Usagef("%d webhooks have the name %q; name one by its id: %s", len(found), args[0], strings.Join(found, ", "))
	})
}

func newList(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List webhooks",
		Long:  `List webhooks, newest first. The column ROOMS has the number of rooms, a tag, or all.`,
		Example: command.Examples(
			"confab webhook list",
			"confab webhook list -o json",
			"confab webhook list -o text | cut -f 2,3",
		),
		Args: command.NoArgs,
	}
	f := command.NewFlags(cmd, env)
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, _ []string) error {
		all, err := api.Webhooks(ctx)
		if err != nil {
			return err
		}
		return p.List("webhooks", command.Objects(all), columns...)
	})
	return cmd
}

func newGet(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get WEBHOOK",
		Short: "Show a webhook",
		Long:  `Show all members of a webhook except its secret. Its state is FAILING while its calls fail.`,
		Example: command.Examples(
			"confab webhook get app",
			"confab webhook get app -o json",
			"confab webhook get app -o text | cut -f 3     # the state",
		),
		Args: command.Args("WEBHOOK"),
	}
	f := command.NewFlags(cmd, env)
	run(f, cmd, func(ctx context.Context, api *command.API, p *command.Printer, id string) error {
		hook, err := command.Call[webhookops.WebhookOutput](ctx, api, "GetWebhook", &webhookops.GetWebhookInput{ID: &id})
		if err != nil {
			return err
		}
		return p.One(command.Members(hook), columns...)
	})
	return cmd
}

// flags are the flags that create and update share.
type flags struct {
	events, rooms []string
	tag           string
}

func newFlags(cmd *cobra.Command, f *command.Flags) *flags {
	w := &flags{}
	cmd.Flags().StringSliceVar(&w.events, "event", nil, "Type of `EVENT` such as message.sent or room.created; may be repeated.")
	cmd.Flags().StringSliceVar(&w.rooms, "room", nil, "`ROOM` whose events are sent: an ARN, an id, or a name; may be repeated.")
	cmd.Flags().StringVar(&w.tag, "room-tag", "", "Tag `KEY=VALUE` of the rooms whose events are sent.")
	cmd.MarkFlagsMutuallyExclusive("room", "room-tag")
	f.CompleteFlag(cmd, "room", command.RoomNames)
	var types []string
	for _, t := range webhook.EventTypes {
		types = append(types, string(t))
	}
	command.CompleteWords(cmd, "event", types...)
	return w
}

// selection returns the members for the rooms.
func (w *flags) selection(ctx context.Context, api *command.API) (arns []string, tag *webhookops.RoomTag, err error) {
	for _, room := range w.rooms {
		arn, err := api.Room(ctx, room)
		if err != nil {
			return nil, nil, err
		}
		arns = append(arns, arn)
	}
	if w.tag != "" {
		key, value, ok := strings.Cut(w.tag, "=")
		if !ok || key == "" {
			return nil, nil, command.Usagef("--room-tag %q: must be KEY=VALUE", w.tag)
		}
		tag = &webhookops.RoomTag{Key: &key, Value: &value}
	}
	return arns, tag, nil
}

func newCreate(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME URL --event EVENT",
		Short: "Create a webhook",
		Long: `Create a webhook that sends events to the endpoint at URL: those of the rooms in --room, of the rooms with
the tag --room-tag, or of every room. The output has the secret that signs the calls. Only this command and
confab webhook rotate-secret show it.`,
		Example: command.Examples(
			"confab webhook create bot https://bot.example.com/chat --event message.sent --room demo",
			"confab webhook create search https://search.example.com/ --event message.sent,message.deleted --room-tag kind=live",
			"confab webhook create audit https://audit.example.com/ --event room.created --event room.deleted -o json",
		),
		Args: command.Args("NAME", "URL"),
	}
	f := command.NewFlags(cmd, env)
	w := newFlags(cmd, f)
	command.Offer(cmd, "event")
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, args []string) error {
		if len(w.events) == 0 {
			return command.Usagef("--event is missing; name the types of events, such as message.sent")
		}
		arns, tag, err := w.selection(ctx, api)
		if err != nil {
			return err
		}
		hook, err := command.Call[webhookops.WebhookOutput](ctx, api, "CreateWebhook", &webhookops.CreateWebhookInput{
			Name: &args[0], URL: &args[1], Events: w.events, RoomIdentifiers: arns, RoomTag: tag,
		})
		if err != nil {
			return err
		}
		return p.One(command.Members(hook), columns...)
	})
	return cmd
}

func newUpdate(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update WEBHOOK",
		Short: "Change, pause or resume a webhook",
		Long: `Change a webhook. Members without a flag stay as they are. While a webhook is paused, no events are kept for
it, and events that were not delivered yet are dropped.`,
		Example: command.Examples(
			"confab webhook update app --pause",
			"confab webhook update app --resume --url https://app.example.com/v2 -o json",
			"confab webhook update app --event message.sent,event.sent --room demo",
		),
		Args: command.Args("WEBHOOK"),
	}
	f := command.NewFlags(cmd, env)
	w := newFlags(cmd, f)
	name := cmd.Flags().String("name", "", "`NAME` of the webhook.")
	url := cmd.Flags().String("url", "", "`URL` of the endpoint.")
	pause := cmd.Flags().Bool("pause", false, "Stop calling the endpoint.")
	resume := cmd.Flags().Bool("resume", false, "Call the endpoint again.")
	cmd.MarkFlagsMutuallyExclusive("pause", "resume")
	run(f, cmd, func(ctx context.Context, api *command.API, p *command.Printer, id string) error {
		in := &webhookops.UpdateWebhookInput{ID: &id, Events: w.events}
		if *name != "" {
			in.Name = name
		}
		if *url != "" {
			in.URL = url
		}
		var err error
		if in.RoomIdentifiers, in.RoomTag, err = w.selection(ctx, api); err != nil {
			return err
		}
		if *pause {
			in.State = aws.String("PAUSED")
		}
		if *resume {
			in.State = aws.String("ACTIVE")
		}
		hook, err := command.Call[webhookops.WebhookOutput](ctx, api, "UpdateWebhook", in)
		if err != nil {
			return err
		}
		return p.One(command.Members(hook), columns...)
	})
	return cmd
}

func newDelete(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete WEBHOOK",
		Short: "Delete a webhook",
		Long:  `Delete a webhook, with the events that were not delivered yet.`,
		Example: command.Examples(
			"confab webhook delete old",
			"confab webhook delete older -o json",
			"confab webhook delete oldest -o text",
		),
		Args: command.Args("WEBHOOK"),
	}
	f := command.NewFlags(cmd, env)
	run(f, cmd, func(ctx context.Context, api *command.API, p *command.Printer, id string) error {
		if _, err := command.Call[webhookops.DeleteWebhookOutput](ctx, api, "DeleteWebhook", &webhookops.DeleteWebhookInput{ID: &id}); err != nil {
			return err
		}
		return p.Done(id, "Deleted %s", id)
	})
	return cmd
}

func newTest(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test WEBHOOK",
		Short: "Call the endpoint of a webhook once",
		Long: `Call the endpoint of a webhook with one event of the type webhook.test, and show its answer. This always
takes three seconds. The exit status does not depend on the answer.`,
		Example: command.Examples(
			"confab webhook test app",
			"confab webhook test app -o json",
			"confab webhook test app -o text | cut -f 1     # the status",
		),
		Args: command.Args("WEBHOOK"),
	}
	f := command.NewFlags(cmd, env)
	run(f, cmd, func(ctx context.Context, api *command.API, p *command.Printer, id string) error {
		out, err := command.Call[webhookops.TestWebhookOutput](ctx, api, "TestWebhook", &webhookops.TestWebhookInput{ID: &id})
		if err != nil {
			return err
		}
		return p.One(command.Members(out),
			command.Column{Heading: "STATUS", Member: "statusCode"},
			command.Column{Heading: "MILLISECONDS", Member: "durationInMilliseconds"},
			command.Column{Heading: "ERROR", Member: "error"})
	})
	return cmd
}

func newRotate(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate-secret WEBHOOK",
		Short: "Replace the secret of a webhook",
		Long: `Replace the secret that signs the calls of a webhook, and print the new one. For 24 hours, calls are signed
with the previous one as well.`,
		Example: command.Examples(
			"confab webhook rotate-secret app",
			"confab webhook rotate-secret app -o json",
			"confab webhook rotate-secret app -o jsonl",
		),
		Args: command.Args("WEBHOOK"),
	}
	f := command.NewFlags(cmd, env)
	run(f, cmd, func(ctx context.Context, api *command.API, p *command.Printer, id string) error {
		hook, err := command.Call[webhookops.WebhookOutput](ctx, api, "RotateWebhookSecret", &webhookops.RotateWebhookSecretInput{ID: &id})
		if err != nil {
			return err
		}
		return p.One(command.Members(hook), columns...)
	})
	return cmd
}
