package cli

import (
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
	Expiration  string `json:"expiration,omitzero"`
	PolicyError string `json:"policyError,omitzero"` // why all calls are denied
}

var credentialsColumns = []command.Column{
	{Heading: "NAME", Member: "name"},
	{Heading: "ACCESS KEY ID", Member: "accessKeyId"},
	{Heading: "EXPIRES", Show: func(o command.Object) string {
		if end, ok := o["expiration"].(string); ok {
			return end
		}
		return "never"
	}},
	{Heading: "PROBLEM", Show: func(o command.Object) string {
		if problem, ok := o["policyError"].(string); ok {
			return "all calls are denied, because the policy is not valid: " + problem
		}
		return ""
	}},
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
	output := command.NewOutputFlags(cmd, env)
	load := settingFlags(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := output.Printer(cmd)
		if err != nil {
			return err
		}
		return withStore(cmd.Context(), env, load, func(cfg *config.Config, db *store.DB) error {
			all, err := db.ListCredentials(cmd.Context())
			if err != nil {
				return err
			}
			items := make([]command.Object, len(all))
			for i, c := range all {
				listed := listedCredentials{Name: c.Principal.Name, AccessKeyID: c.AccessKeyID, ARN: c.Principal.ARN}
				if !c.Expires.IsZero() {
					listed.Expiration = chat.FormatTime(c.Expires)
				}
				if err := c.Principal.PolicyError; err != nil {
					listed.PolicyError = err.Error()
				}
				for _, p := range c.Principal.Policies {
					warnPolicy(env, cfg, c.Principal.Name, p)
				}
				items[i] = command.Members(listed)
			}
			return p.List("credentials", items, credentialsColumns...)
		})
	}
	return cmd
}
