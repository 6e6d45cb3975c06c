package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/chat"
	"confab/internal/chatlog"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/delivery"
)

func newLoggingCheck(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check ARN",
		Short: "Write a test record to the destination of a logging configuration",
		Long: `Get a logging configuration from the server, write one test record to its destination,
and print where the record is or what is wrong.

This process writes the record, not the server. Run it in the server's environment and with
the server's settings, so that the AWS SDK finds the same endpoints and credentials. It
calls the server at --endpoint, AWS_ENDPOINT_URL_IVSCHAT or the address of --listen, with
the credentials in CONFAB_ROOT_ACCESS_KEY_ID and CONFAB_ROOT_SECRET_ACCESS_KEY if they are
set, and otherwise with those that the AWS SDK finds.`,
		Example: `  confab logging check arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEf123456`,
		Args:    command.Args("ARN"),
	}
	endpoint := cmd.Flags().String("endpoint", "", "`URL` of the server's API.")
	needed := []string{"dev", "config", "listen", "region", "account-id", "data-dir", "database", "log-destinations"}
	load := someSettingFlags(cmd, env, func(s *config.Setting) bool { return slices.Contains(needed, s.Name) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		arn, err := chat.ParseARN(args[0])
		if err != nil || arn.Type != chat.LoggingConfigurationResource {
			return command.Usagef("%q is no ARN of a logging configuration, such as arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEf123456", args[0])
		}
		api, err := newAPI(cmd.Context(), cfg, apiEndpoint(*endpoint, env.Variables, cfg))
		if err != nil {
			return err
		}
		if cfg.LogDestinations == config.LogDestinationsLocal {
			if err := app.CheckDataDir(cfg); err != nil {
				return err
			}
		}
		place, err := checkLogging(cmd.Context(), cfg, api, arn)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "A test record is in %s\n", place)
		return err
	}
	return cmd
}

// checkLogging writes the record and returns where it is.
func checkLogging(ctx context.Context, cfg *config.Config, api *ivschat.Client, arn chat.ARN) (string, error) {
	out, err := api.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: aws.String(arn.String())})
	if err != nil {
		if e, ok := errors.AsType[smithy.APIError](err); ok {
			return "", fmt.Errorf("GetLoggingConfiguration failed: %s: %s", e.ErrorCode(), e.ErrorMessage())
		}
		return "", fmt.Errorf("the server cannot be asked for the logging configuration; say where it is with --endpoint: %w", err)
	}
	if out.State != types.LoggingConfigurationStateActive {
		return "", fmt.Errorf("the logging configuration is %s; only an ACTIVE one logs", out.State)
	}
	o, err := delivery.Destinations(ctx, cfg)
	if err != nil {
		return "", err
	}
	return chatlog.Check(ctx, o, destinationOf(out.DestinationConfiguration))
}

// destinationOf reads the union of the API.
func destinationOf(d types.DestinationConfiguration) chat.Destination {
	switch d := d.(type) {
	case *types.DestinationConfigurationMemberS3:
		return chat.Destination{Type: chat.S3, Name: aws.ToString(d.Value.BucketName)}
	case *types.DestinationConfigurationMemberCloudWatchLogs:
		return chat.Destination{Type: chat.CloudWatchLogs, Name: aws.ToString(d.Value.LogGroupName)}
	case *types.DestinationConfigurationMemberFirehose:
		return chat.Destination{Type: chat.Firehose, Name: aws.ToString(d.Value.DeliveryStreamName)}
	}
	return chat.Destination{}
}

// newAPI is a client of the API, as every other: the administrator's credentials
// if they are set, otherwise those that the AWS SDK finds.
func newAPI(ctx context.Context, cfg *config.Config, endpoint string) (*ivschat.Client, error) {
	o := ivschat.Options{Region: cfg.Region, BaseEndpoint: &endpoint}
	if cfg.CheckRoot() == nil {
		o.Credentials = credentials.NewStaticCredentialsProvider(cfg.RootAccessKeyID, string(cfg.RootSecretAccessKey), "")
		return ivschat.New(o), nil
	}
	found, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(cfg.Region))
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be read: %w", err)
	}
	o.Credentials, o.HTTPClient = found.Credentials, found.HTTPClient
	return ivschat.New(o), nil
}

// apiEndpoint is where the API of the server is: what was given, what AWS SDKs
// are told, or where the configuration has it on this machine.
func apiEndpoint(given string, variables []string, cfg *config.Config) string {
	if given != "" {
		return given
	}
	for _, v := range variables {
		if name, value, _ := strings.Cut(v, "="); name == "AWS_ENDPOINT_URL_IVSCHAT" && value != "" {
			return value
		}
	}
	scheme := "http"
	if cfg.TLSCert != "" {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(cfg.Listen)
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
