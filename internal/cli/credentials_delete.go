package cli

import (
	"github.com/spf13/cobra"

	"confab/internal/config"
	"confab/internal/store"
)

func newCredentialsDelete(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete",
		Short:   "Delete credentials",
		Long:    `Delete credentials. Running servers refuse them within seconds.`,
		Example: `  confab credentials delete --name moderator`,
		Args:    noArgs,
	}
	name := cmd.Flags().String("name", "", "`NAME` of the user whose credentials go.")
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *name == "" {
			return usagef("--name: say whose credentials go; confab credentials list has the names")
		}
		return withStore(cmd.Context(), env, load, func(_ *config.Config, db *store.DB) error {
			return db.DeleteCredentials(cmd.Context(), *name)
		})
	}
	return cmd
}
