package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/telemetry"
)

// platform is the operating system and the processor.
const platform = runtime.GOOS + "/" + runtime.GOARCH

// version is what --version prints behind the name.
func version() string {
	return fmt.Sprintf("%s (%s, %s)", telemetry.Version(), runtime.Version(), platform)
}

func newVersion(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  `Print the version of this program, the version of Go that compiled it, and its platform.`,
		Example: command.Examples(
			"confab version",
			"confab version -o json",
			"confab version -o text | cut -f 1",
		),
		Args: command.NoArgs,
	}
	output := command.NewOutputFlags(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := output.Printer(cmd)
		if err != nil {
			return err
		}
		if p.Form == command.Table {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "confab "+version())
			return err
		}
		return p.One(command.Object{"version": telemetry.Version(), "go": runtime.Version(), "platform": platform},
			command.Column{Member: "version"}, command.Column{Member: "go"}, command.Column{Member: "platform"})
	}
	return cmd
}
