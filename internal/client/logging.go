package client

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/spf13/cobra"

	"confab/internal/command"
)

func newLogging(env command.Environment) *cobra.Command {
	cmd := command.Parent("logging", "Manage logging configurations",
		newLoggingList(env), newLoggingGet(env), newLoggingCreate(env), newLoggingUpdate(env), newLoggingDelete(env))
	cmd.Long = `Manage logging configurations, which say where chat is logged. LOGGING is an ARN, an id, or a name
that no other logging configuration has. To use one: confab room update ROOM --logging LOGGING.`
	return cmd
}

var loggingColumns = []command.Column{
	{Heading: "ID", Member: "id"},
	{Heading: "NAME", Member: "name"},
	{Heading: "STATE", Member: "state"},
	{Heading: "DESTINATION", Show: destination},
	{Heading: "ARN", Member: "arn"},
}

// destination is the kind and the name of a destination.
func destination(o command.Object) string {
	union, _ := o["destinationConfiguration"].(command.Object)
	for kind, of := range union {
		members, _ := of.(command.Object)
		for _, name := range members {
			if s, ok := name.(string); ok {
				return kind + ":" + s
			}
		}
	}
	return ""
}

// destinationFlags name a destination.
type destinationFlags struct{ s3, cloudWatch, firehose string }

func newDestinationFlags(cmd *cobra.Command) *destinationFlags {
	d := &destinationFlags{}
	cmd.Flags().StringVar(&d.s3, "s3", "", "Log to the S3 `BUCKET` with this name.")
	cmd.Flags().StringVar(&d.cloudWatch, "cloudwatch", "", "Log to the log `GROUP` of CloudWatch Logs with this name.")
	cmd.Flags().StringVar(&d.firehose, "firehose", "", "Log to the delivery `STREAM` of Firehose with this name.")
	cmd.MarkFlagsMutuallyExclusive("s3", "cloudwatch", "firehose")
	return d
}

func (d *destinationFlags) union() types.DestinationConfiguration {
	switch {
	case d.s3 != "":
		return &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: &d.s3}}
	case d.cloudWatch != "":
		return &types.DestinationConfigurationMemberCloudWatchLogs{Value: types.CloudWatchLogsDestinationConfiguration{LogGroupName: &d.cloudWatch}}
	case d.firehose != "":
		return &types.DestinationConfigurationMemberFirehose{Value: types.FirehoseDestinationConfiguration{DeliveryStreamName: &d.firehose}}
	}
	return nil
}

func newLoggingList(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List logging configurations",
		Long:  `List logging configurations, most recently changed first.`,
		Example: command.Examples(
			"confab logging list",
			"confab logging list -o json",
			"confab logging list -o text | cut -f 2,4",
		),
		Args: command.NoArgs,
	}
	f := command.NewFlags(cmd, env)
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, _ []string) error {
		all, err := api.LoggingConfigurations(ctx)
		if err != nil {
			return err
		}
		return p.List("loggingConfigurations", command.Objects(all), loggingColumns...)
	})
	return cmd
}

// runLogging is Run for a command whose argument is LOGGING.
func runLogging(f *command.Flags, cmd *cobra.Command, do func(context.Context, *command.API, *command.Printer, string) error) {
	f.Complete(cmd, 0, command.LoggingNames)
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, args []string) error {
		arn, err := api.LoggingConfiguration(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, api, p, arn)
	})
}

func newLoggingGet(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get LOGGING",
		Short: "Show a logging configuration",
		Long:  `Show all members of a logging configuration.`,
		Example: command.Examples(
			"confab logging get archive",
			"confab logging get archive -o json",
			"confab logging get archive -o text | cut -f 5     # the ARN",
		),
		Args: command.Args("LOGGING"),
	}
	f := command.NewFlags(cmd, env)
	runLogging(f, cmd, func(ctx context.Context, api *command.API, p *command.Printer, arn string) error {
		out, err := api.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: &arn})
		if err != nil {
			return api.Explain(err)
		}
		return p.One(command.Members(out), loggingColumns...)
	})
	return cmd
}

func newLoggingCreate(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create [NAME] --s3 BUCKET|--cloudwatch GROUP|--firehose STREAM",
		Short: "Create a logging configuration",
		Long: `Create a logging configuration. confab logging check writes a test record to its destination.
If the server has --log-destinations local, the names are directories.`,
		Example: command.Examples(
			"confab logging create chats --s3 my-chat-logs",
			"confab logging create search --cloudwatch /chat/live --tag team=live",
			"confab logging create lake --firehose chat-stream -o json",
		),
		Args: command.Args("[NAME]"),
	}
	f := command.NewFlags(cmd, env)
	d := newDestinationFlags(cmd)
	tags := cmd.Flags().StringArray("tag", nil, "Tag of the logging configuration as `KEY=VALUE`; may be repeated.")
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, args []string) error {
		pairs, err := command.Pairs("--tag", *tags)
		if err != nil {
			return err
		}
		if d.union() == nil {
			return command.Usagef("the destination is missing: name it with --s3, --cloudwatch or --firehose")
		}
		in := &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: d.union(), Tags: pairs}
		if len(args) > 0 {
			in.Name = &args[0]
		}
		out, err := api.CreateLoggingConfiguration(ctx, in)
		if err != nil {
			return api.Explain(err)
		}
		return p.One(command.Members(out), loggingColumns...)
	})
	return cmd
}

func newLoggingUpdate(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update LOGGING",
		Short: "Change a logging configuration",
		Long:  `Change a logging configuration. Members without a flag stay as they are.`,
		Example: command.Examples(
			"confab logging update archive --s3 my-new-chat-logs",
			"confab logging update archive --firehose chat-stream -o json",
			"confab logging update archive --name archive",
		),
		Args: command.Args("LOGGING"),
	}
	f := command.NewFlags(cmd, env)
	d := newDestinationFlags(cmd)
	name := cmd.Flags().String("name", "", "`NAME` of the logging configuration.")
	runLogging(f, cmd, func(ctx context.Context, api *command.API, p *command.Printer, arn string) error {
		out, err := api.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{
			Identifier: &arn, Name: changed(cmd.Flags(), "name", *name), DestinationConfiguration: d.union(),
		})
		if err != nil {
			return api.Explain(err)
		}
		return p.One(command.Members(out), loggingColumns...)
	})
	return cmd
}

func newLoggingDelete(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete LOGGING",
		Short: "Delete a logging configuration",
		Long:  `Delete a logging configuration that no room uses.`,
		Example: command.Examples(
			"confab logging delete old",
			"confab logging delete older -o json",
			"confab logging delete oldest -o text",
		),
		Args: command.Args("LOGGING"),
	}
	f := command.NewFlags(cmd, env)
	runLogging(f, cmd, func(ctx context.Context, api *command.API, p *command.Printer, arn string) error {
		if _, err := api.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: &arn}); err != nil {
			return api.Explain(err)
		}
		return p.Done(arn, "Deleted %s", arn)
	})
	return cmd
}
