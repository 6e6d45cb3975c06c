package cli

import (
	"context"
	"fmt"
	"slices"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/awsimport"
	"confab/internal/chatlog"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/delivery"
)

func newLoggingCheck(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check LOGGING",
		Short: "Write a test record to the destination of a logging configuration",
		Long: `Get a logging configuration from the server, write one test record to its destination,
and print where the record is or what is wrong.

This process writes the record, not the server. Run it in the server's environment and with
the server's settings, so that the AWS SDK finds the same endpoints and credentials. It
calls the server at --endpoint, AWS_ENDPOINT_URL_IVSCHAT or the address of --listen, with
the credentials in CONFAB_ROOT_ACCESS_KEY_ID and CONFAB_ROOT_SECRET_ACCESS_KEY if they are
set, and otherwise with those that the AWS SDK finds.`,
		Example: command.Examples(
			"confab logging check archive",
			"confab logging check archive --log-destinations local -o json",
			`confab logging check "$(confab logging get archive -o text | cut -f 5)"     # by its ARN`,
		),
		Args: command.Args("LOGGING"),
	}
	f := command.NewOutputFlags(cmd, env)
	endpoint := cmd.Flags().String("endpoint", "", "`URL` of the server's API.")
	needed := []string{"dev", "config", "listen", "region", "account-id", "data-dir", "database", "log-destinations"}
	load := someSettingFlags(cmd, env, func(s *config.Setting) bool { return slices.Contains(needed, s.Name) })
	var cfg *config.Config
	f.Via(func(ctx context.Context) (api *command.API, err error) {
		if cfg, err = load(); err != nil {
			return nil, err
		}
		return serverAPI(ctx, env, cfg, *endpoint)
	})
	f.Complete(cmd, 0, command.LoggingNames)
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, args []string) error {
		if cfg.LogDestinations == config.LogDestinationsLocal {
			if err := app.CheckDataDir(cfg); err != nil {
				return err
			}
		}
		arn, err := api.LoggingConfiguration(ctx, args[0])
		if err != nil {
			return err
		}
		place, err := checkLogging(ctx, cfg, api, arn)
		if err != nil {
			return err
		}
		if p.Form != command.Table {
			return p.One(command.Object{"place": place}, command.Column{Member: "place"})
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "A test record is in %s\n", place)
		return err
	})
	return cmd
}

// checkLogging writes the record and returns where it is.
func checkLogging(ctx context.Context, cfg *config.Config, api *command.API, arn string) (string, error) {
	out, err := api.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: &arn})
	if err != nil {
		return "", api.Explain(err)
	}
	if out.State != types.LoggingConfigurationStateActive {
		return "", fmt.Errorf("the logging configuration is %s; only an ACTIVE one logs", out.State)
	}
	o, err := delivery.Destinations(ctx, cfg)
	if err != nil {
		return "", err
	}
	return chatlog.Check(ctx, o, awsimport.Destination(out.DestinationConfiguration))
}

// serverAPI connects to the server that has the configuration: at the endpoint that was given, at
// the one of AWS SDKs, or where the configuration has it on this machine. It uses the
// administrator's credentials if they are set, otherwise those that the AWS SDK finds.
func serverAPI(ctx context.Context, env Environment, cfg *config.Config, endpoint string) (*command.API, error) {
	found, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(cfg.Region), awsconfig.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be read: %w", err)
	}
	if cfg.CheckRoot() == nil {
		found.Credentials = credentials.NewStaticCredentialsProvider(cfg.RootAccessKeyID, string(cfg.RootSecretAccessKey), "")
	}
	if endpoint == "" {
		endpoint = env.Variable("AWS_ENDPOINT_URL_IVSCHAT")
	}
	if endpoint == "" {
		endpoint = "http://" + reachable(cfg.Listen) + cfg.BasePath
		if cfg.TLSCert != "" {
			endpoint = "https://" + reachable(cfg.Listen) + cfg.BasePath
		}
	}
	return command.At(endpoint, found), nil
}
