package cli

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/config"
)

func newConfig(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print every setting and where it came from",
		Long: `Print every setting that "confab serve" would run with, and where it came from: a
flag, the environment, a line of the file, or the default. Secrets print as dots.`,
		Example: `  confab config --config confab.yaml
  confab config -o json
  CONFAB_QUOTAS=aws confab config | grep -v ' default$'`,
		Args: command.NoArgs,
	}
	output := outputFlag(cmd)
	load := settingFlags(cmd, env, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		asJSON, err := output()
		if err != nil {
			return err
		}
		c, err := load()
		if err != nil {
			return err
		}
		if asJSON {
			byName := map[string]config.Value{}
			for _, v := range c.Values() {
				byName[v.Name] = v
			}
			return printJSON(cmd, byName)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "SETTING\tVALUE\tSOURCE")
		for _, v := range c.Values() {
			fmt.Fprintf(w, "%s\t%s\t%s\n", v.Name, v.Value, v.Source)
		}
		return w.Flush()
	}
	return cmd
}

// outputFlag adds -o. What it returns says whether JSON was asked for.
func outputFlag(cmd *cobra.Command) func() (asJSON bool, err error) {
	o := cmd.Flags().StringP("output", "o", "text", "`FORM` of the output: text or json.")
	return func() (bool, error) {
		if *o != "text" && *o != "json" {
			return false, command.Usagef("--output %q: must be text or json", *o)
		}
		return *o == "json", nil
	}
}

func printJSON(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
