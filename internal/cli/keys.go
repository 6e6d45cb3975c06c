package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/store"
)

func newKeys(env Environment) *cobra.Command {
	return command.Parent("keys", "Manage the keys that seal and sign chat tokens",
		newKeysRotate(env), newKeysCreateSigner(env), newKeysListSigners(env), newKeysDeleteSigner(env))
}

func newKeysRotate(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Create a new key for chat tokens",
		Long: `Create a new key for chat tokens. Running servers use it within seconds. Existing tokens, which
are encrypted with older keys, stay valid until they expire.`,
		Example: `  confab keys rotate
  confab keys rotate --data-dir "$CONFAB_DATA_DIR"
  confab keys rotate && confab token create demo --as ann`,
		Args: command.NoArgs,
	}
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withStore(cmd.Context(), env, load, func(cfg *config.Config, db *store.DB) error {
			ring, err := app.NewRing(cmd.Context(), cfg, db, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			defer ring.Close()
			if err := ring.Rotate(cmd.Context()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "A new key seals chat tokens from now on")
			return err
		})
	}
	return cmd
}
