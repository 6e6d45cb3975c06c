package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/policy"
	"confab/internal/store"
	"confab/internal/telemetry"
)

func newCredentials(env Environment) *cobra.Command {
	cmd := command.Parent("credentials", "Manage the credentials of those who may call the API",
		newCredentialsCreate(env), newCredentialsList(env), newCredentialsDelete(env))
	cmd.Long = `Manage the credentials with which programs and people call the API. The commands open the
server's database (--data-dir or --database). A running server notices changes within seconds.`
	return cmd
}

// warnPolicy prints what in the policy of a user can never match.
func warnPolicy(env Environment, cfg *config.Config, name string, p *policy.Document) {
	for _, w := range p.Warnings(app.PolicyScope(cfg)) {
		fmt.Fprintf(env.Err, "confab: warning: the policy of %s: %s\n", name, w)
	}
}

// withStore runs a command that needs a database that is there.
func withStore(ctx context.Context, env Environment, load func() (*config.Config, error), do func(*config.Config, *store.DB) error) error {
	return openStore(ctx, env, load, true, do)
}

// withNewStore runs a command that makes the database when there is none, and
// says so.
func withNewStore(ctx context.Context, env Environment, load func() (*config.Config, error), do func(*config.Config, *store.DB) error) error {
	return openStore(ctx, env, load, false, func(cfg *config.Config, db *store.DB) error {
		if db.Created() {
			fmt.Fprintf(env.Err, "A new database was made in %s\n", db.Place())
		}
		return do(cfg, db)
	})
}

func openStore(ctx context.Context, env Environment, load func() (*config.Config, error), existing bool, do func(*config.Config, *store.DB) error) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	db, err := app.OpenStore(ctx, cfg, existing, telemetry.NewLogger(env.Err, cfg.LogFormat, cfg.LogLevel), nil)
	if err != nil {
		return err
	}
	defer db.Close() // What was written is durable already.
	return do(cfg, db)
}
