package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/store"
	"confab/internal/telemetry"
)

func newDatabase(env Environment) *cobra.Command {
	return command.Parent("database", "Manage the database", newDatabaseCopy(env), newDatabaseMigrate(env))
}

func newDatabaseCopy(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "copy",
		Short: "Copy everything into another, empty database",
		Long: `Copy everything into another, empty database: from SQLite to PostgreSQL when you
need several servers, or back. A database is sqlite:DIR, with the data directory, or
postgres://USER:PASSWORD@HOST:5432/NAME. Stop the servers first.

Ids, times and positions stay the same. Secrets stay encrypted with the same secret key: the
one that is configured, or the one in the directory that is copied. Servers on the copy need
that key. The source is not changed.`,
		Example: command.Examples(
			`confab database copy --from sqlite:chat --to "$DATABASE_URL"`,
			"confab database copy --from sqlite:chat --to sqlite:copy -o json",
			`confab database copy --from "$DATABASE_URL" --to sqlite:back --secret-key-file chat/secret.key`,
		),
		Args: command.NoArgs,
	}
	var from, to string
	cmd.Flags().StringVar(&from, "from", "", "Database to copy from.")
	cmd.Flags().StringVar(&to, "to", "", "Empty database to copy to.")
	command.Offer(cmd, "from", "to")
	output := command.NewOutputFlags(cmd, env)
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := output.Printer(cmd)
		if err != nil {
			return err
		}
		for _, f := range []struct{ name, value string }{{"--from", from}, {"--to", to}} {
			if f.value == "" {
				return command.Usagef("%s is missing; it names a database like sqlite:/var/lib/confab or postgres://confab@db/confab", f.name)
			}
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		copied, err := app.CopyDatabase(cmd.Context(), cfg, from, to, telemetry.NewLogger(env.Err, cfg.LogFormat, cfg.LogLevel))
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Err, "Everything was copied into the new database %s\n", config.HidePassword(to))
		return p.List("tables", command.Objects(copied), command.Column{Heading: "TABLE", Member: "table"}, command.Column{Heading: "ROWS", Member: "rows"})
	}
	return cmd
}

func newDatabaseMigrate(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema up to date",
		Long: `Create the database's tables, or migrate them to this version. A server does so when it
starts. Use this command to do it earlier, or as another user of PostgreSQL.`,
		Example: command.Examples(
			"confab database migrate --data-dir chat",
			"confab database migrate --config confab.yaml",
			`confab database migrate --database "$DATABASE_URL" --secret-key-file chat/secret.key`,
		),
		Args: command.NoArgs,
	}
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withNewStore(cmd.Context(), env, load, func(_ *config.Config, db *store.DB) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "The schema of the database in %s is up to date\n", db.Place())
			return err
		})
	}
	return cmd
}
