package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/telemetry"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  command.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "confab %s (%s, %s/%s)\n", telemetry.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}
