package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"confab/internal/chat"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/store"
)

// listedCredentials is one line of the list. It never holds a secret.
type listedCredentials struct {
	Name        string `json:"name"`
	AccessKeyID string `json:"accessKeyId"`
	ARN         string `json:"arn"`
	Expiration  string `json:"expiration,omitempty"`
	PolicyError string `json:"policyError,omitempty"` // why all calls are denied
}

func newCredentialsList(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List credentials, without their secrets",
		Example: `  confab credentials list
  confab credentials list -o json
  confab credentials list --data-dir "$CONFAB_DATA_DIR"`,
		Args: command.NoArgs,
	}
	output := outputFlag(cmd)
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		asJSON, err := output()
		if err != nil {
			return err
		}
		return withStore(cmd.Context(), env, load, func(cfg *config.Config, db *store.DB) error {
			all, err := db.ListCredentials(cmd.Context())
			if err != nil {
				return err
			}
			list := make([]listedCredentials, len(all))
			for i, c := range all {
				list[i] = listedCredentials{Name: c.Principal.Name, AccessKeyID: c.AccessKeyID, ARN: c.Principal.ARN}
				if !c.Expires.IsZero() {
					list[i].Expiration = chat.FormatTime(c.Expires)
				}
				if err := c.Principal.PolicyError; err != nil {
					list[i].PolicyError = err.Error()
				}
				for _, p := range c.Principal.Policies {
					warnPolicy(env, cfg, c.Principal.Name, p)
				}
			}
			if asJSON {
				return printJSON(cmd, list)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tACCESS KEY ID\tEXPIRES")
			for _, c := range list {
				expires := c.Expiration
				if expires == "" {
					expires = "never"
				}
				if c.PolicyError != "" {
					expires += "\tall calls are denied, because the policy is not valid: " + c.PolicyError
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", c.Name, c.AccessKeyID, expires)
			}
			return w.Flush()
		})
	}
	return cmd
}
