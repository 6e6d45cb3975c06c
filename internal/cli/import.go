package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"confab/internal/awsimport"
	"confab/internal/client"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/plan"
	"confab/internal/store"
)

// importAttempts is how often a call of the source is made that is throttled.
const importAttempts = 12

// imported is what an import is told.
type imported struct {
	fromAWS, dry, check, yes bool
	profile, endpoint        string
}

func newImport(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import --from-aws",
		Short: "Import the rooms and logging configurations of an AWS account",
		Long: `Read the rooms, tags and logging configurations of an AWS account, print a plan, and write them
into the server's database with the same ARNs. Then an application has to change only its endpoint.
Run again, the command updates what differs and continues an interrupted import. Rooms that only the
server has are not changed. A running server notices the changes within seconds. On a terminal the
command asks before it changes anything.

The AWS credentials come from --profile, AWS_PROFILE or AWS_ACCESS_KEY_ID, as in every AWS tool, and
the endpoint from --source-endpoint, AWS_ENDPOINT_URL_IVSCHAT or the profile. The credentials need
ivschat:ListRooms, ivschat:GetRoom and ivschat:ListLoggingConfigurations. Region and account id of
the server must be those of the AWS account. Message review handlers are not called.

With --check, only compare. The exit status is 1 if something differs.`,
		Example: `  confab import --from-aws --data-dir moved --source-endpoint "$AWS_ENDPOINT_URL_IVSCHAT"
  confab import --from-aws --data-dir moved --dry-run -o json
  confab import --from-aws --data-dir moved --check`,
		Args: command.NoArgs,
	}
	i := imported{}
	flags := cmd.Flags()
	flags.BoolVar(&i.fromAWS, "from-aws", false, "Import from an AWS account; required, as there is no other source.")
	command.Offer(cmd, "from-aws")
	flags.StringVar(&i.profile, "profile", "", "`PROFILE` of the AWS configuration files; default AWS_PROFILE.")
	flags.StringVar(&i.endpoint, "source-endpoint", "", "`URL` to import from; default the endpoint of the AWS configuration, or Amazon IVS Chat.")
	flags.BoolVar(&i.dry, "dry-run", false, "Print the plan only.")
	flags.BoolVar(&i.check, "check", false, "Only print the differences; exit with status 1 if there are any.")
	flags.BoolVar(&i.yes, "yes", false, "Do not ask.")
	output := command.NewOutputFlags(cmd, env)
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := output.Printer(cmd)
		if err != nil {
			return err
		}
		if !i.fromAWS {
			return command.Usagef("--from-aws is missing: it names the source, and is the only one")
		}
		ctx, stop := command.Interruptible(cmd.Context())
		defer stop()
		with := withNewStore
		if i.dry || i.check {
			with = withStore
		}
		err = with(ctx, env, load, func(cfg *config.Config, db *store.DB) error {
			return i.run(ctx, env, cmd, p, cfg, db)
		})
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return errors.New("stopped before anything was written")
		}
		return err
	}
	return cmd
}

func (i *imported) run(ctx context.Context, env Environment, cmd *cobra.Command, p *command.Printer, cfg *config.Config, db *store.DB) error {
	source, err := i.read(ctx, env, cfg)
	if err != nil {
		return err
	}
	account, region := source.Account()
	if account != "" && (account != cfg.AccountID || region != cfg.Region) {
		return command.Usagef("the source has ARNs of the account %s in %s, and this server those of %s in %s; run it with --account-id %s --region %s, or applications could not keep their ARNs",
			account, region, cfg.AccountID, cfg.Region, account, region)
	}
	for _, left := range source.Left {
		fmt.Fprintf(env.Err, "confab: not taken over: %s\n", command.Plain(left))
	}
	todo, err := awsimport.Make(ctx, source, db)
	if err != nil {
		return err
	}
	planned := client.Planned{
		Plan: todo, Question: "Import this?", Verb: "import", Text: importText(todo), Done: func(*plan.Step) string { return "" },
		Dry: i.dry || i.check, Yes: i.yes,
	}
	n, err := planned.Carry(ctx, env, p, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	if n > 0 && p.Form == command.Table {
		fmt.Fprintf(cmd.OutOrStdout(), "Imported %d rooms and logging configurations into %s\n", n, db.Place())
	}
	if i.check && todo.Changes() > 0 {
		return fmt.Errorf("%d of %d rooms and logging configurations differ from the source", todo.Changes(), len(todo.Steps))
	}
	return nil
}

// read reads the account.
func (i *imported) read(ctx context.Context, env Environment, cfg *config.Config) (*awsimport.Source, error) {
	// As in command, the error says what the warnings of the SDK say.
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(cfg.Region), awsconfig.WithLogger(logging.Nop{})}
	if i.profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(i.profile))
	}
	found, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration cannot be read: %w", err)
	}
	api := ivschat.NewFromConfig(found, func(o *ivschat.Options) {
		if i.endpoint != "" {
			o.BaseEndpoint = &i.endpoint
		}
		// A large account is throttled for a while.
		o.Retryer = retry.AddWithMaxAttempts(retry.NewStandard(), importAttempts)
	})
	where := "Amazon IVS Chat in " + cfg.Region
	if endpoint := api.Options().BaseEndpoint; endpoint != nil {
		where = *endpoint
	}
	progress := command.NewProgress(env.Err)
	source, err := awsimport.Read(ctx, api, func(rooms, of int) { progress.Count(rooms, of, "rooms read") })
	progress.Done()
	if err != nil {
		if e, ok := errors.AsType[smithy.APIError](err); ok {
			return nil, fmt.Errorf("%s cannot be read: %s: %s; the credentials need ivschat:ListRooms, ivschat:GetRoom and ivschat:ListLoggingConfigurations there", where, e.ErrorCode(), e.ErrorMessage())
		}
		return nil, command.Explain(err, where)
	}
	return source, nil
}

func importText(p *plan.Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		if s.Action != plan.Keep {
			b.WriteString(s.Text(s.Name+" "+s.ARN, command.Plain))
		}
	}
	fmt.Fprintf(&b, "Plan: %d to create, %d to change, %d to keep\n", p.Count(plan.Create), p.Count(plan.Change), p.Count(plan.Keep))
	return b.String()
}
