package cli

import (
	"context"

	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/config"
	"confab/internal/store"
	"confab/internal/telemetry"
)

func newCredentials(env Environment) *cobra.Command {
	cmd := parent("credentials", "Manage the credentials of those who may call the API",
		newCredentialsCreate(env), newCredentialsList(env), newCredentialsDelete(env))
	cmd.Long = `Manage the credentials of those who may call the API. The commands open the database
in the data directory; a server that runs on it notices within seconds.`
	return cmd
}

// withStore runs a command that needs the database.
func withStore(ctx context.Context, env Environment, load func() (*config.Config, error), do func(*config.Config, *store.DB) error) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	db, err := app.OpenStore(ctx, cfg, telemetry.NewLogger(env.Err, cfg.LogFormat, cfg.LogLevel), nil)
	if err != nil {
		return err
	}
	defer db.Close() // What was written is durable already.
	return do(cfg, db)
}
