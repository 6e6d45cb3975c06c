package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/store"
)

func newCredentialsDelete(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete credentials",
		Long: `Delete credentials, and those that were created with them through the API. Running servers
refuse them within seconds.`,
		Example: `  confab credentials delete --name moderator
  confab credentials delete --name backend --data-dir "$CONFAB_DATA_DIR"
  for name in old older; do confab credentials delete --name $name; done`,
		Args: command.NoArgs,
	}
	name := cmd.Flags().String("name", "", "`NAME` of the user whose credentials are deleted.")
	command.Offer(cmd, "name")
	load := settingFlags(cmd, env, false)
	completeStored(cmd, "name", env, load, credentialNames)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *name == "" {
			return command.Usagef("--name is missing; confab credentials list has the names")
		}
		return withStore(cmd.Context(), env, load, func(_ *config.Config, db *store.DB) error {
			if err := db.DeleteCredentials(cmd.Context(), *name, ""); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "The credentials of %s are deleted\n", *name)
			return err
		})
	}
	return cmd
}
