package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"confab/internal/command"
)

// initHelp words the library's command help as the other commands are, and makes it refuse a
// command that does not exist.
func initHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "help" {
			continue
		}
		cmd.Use = "help [COMMAND…]"
		cmd.Short = "Show the help of a command"
		cmd.Long = "Show the help of a command, as its flag --help does."
		cmd.Example = command.Examples("confab help", "confab help room", "confab help room create")
		cmd.Run = nil
		cmd.RunE = func(_ *cobra.Command, args []string) error {
			named, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if named.HasSubCommands() {
				if err := command.NoArgs(named, rest); err != nil {
					return err
				}
			}
			named.InitDefaultHelpFlag()
			return named.Help()
		}
	}
}

// helpExamples is how many examples the help of a command has.
const helpExamples = 3

// exemplify gives commands that only have subcommands the first examples of these.
func exemplify(cmd *cobra.Command) {
	children := cmd.Commands()
	for _, child := range children {
		exemplify(child)
	}
	if cmd.Example != "" || len(children) == 0 {
		return
	}
	var lines []string
	for n := range helpExamples {
		for _, child := range children {
			if own := strings.Split(child.Example, "\n"); n < len(own) && len(lines) < helpExamples {
				lines = append(lines, strings.TrimSpace(own[n]))
			}
		}
	}
	cmd.Example = command.Examples(lines...)
}
