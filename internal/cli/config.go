package cli

import (
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
	output := command.NewOutputFlags(cmd, env)
	load := settingFlags(cmd, env, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := output.Printer(cmd)
		if err != nil {
			return err
		}
		c, err := load()
		if err != nil {
			return err
		}
		byName := map[string]config.Value{}
		var items []command.Object
		for _, v := range c.Values() {
			byName[v.Name] = v
			items = append(items, command.Object{"name": v.Name, "value": v.Value, "source": v.Source})
		}
		return p.ListAs(byName, items, command.Column{Heading: "SETTING", Member: "name"},
			command.Column{Heading: "VALUE", Member: "value"}, command.Column{Heading: "SOURCE", Member: "source"})
	}
	return cmd
}
