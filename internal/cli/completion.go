package cli

import (
	"io"

	"github.com/spf13/cobra"

	"confab/internal/command"
)

// newCompletion makes the commands that print what a shell reads. What is completed is asked of
// the program with the hidden command __complete of the library.
func newCompletion() *cobra.Command {
	cmd := command.Parent("completion", "Print a script that completes commands in a shell",
		newShell("bash", "bash", "It needs the package bash-completion.",
			func(root *cobra.Command, out io.Writer, descriptions bool) error {
				return root.GenBashCompletionV2(out, descriptions)
			},
			"source <(confab completion bash)     # in this shell",
			"echo 'source <(confab completion bash)' >> ~/.bashrc     # in every new one",
			"confab completion bash --no-descriptions > confab.bash"),
		newShell("zsh", "Zsh", "It needs compinit, which must have run before it.",
			func(root *cobra.Command, out io.Writer, descriptions bool) error {
				if !descriptions {
					return root.GenZshCompletionNoDesc(out)
				}
				return root.GenZshCompletion(out)
			},
			"source <(confab completion zsh)     # in this shell",
			"echo 'source <(confab completion zsh)' >> ~/.zshrc     # in every new one",
			"confab completion zsh --no-descriptions > _confab"),
		newShell("fish", "fish", "It needs no other package.",
			func(root *cobra.Command, out io.Writer, descriptions bool) error {
				return root.GenFishCompletion(out, descriptions)
			},
			"confab completion fish | source     # in this shell",
			"mkdir -p ~/.config/fish/completions; confab completion fish > ~/.config/fish/completions/confab.fish",
			"confab completion fish --no-descriptions > confab.fish"))
	cmd.Long = `Print a script for a shell. It completes commands, flags, and the names of what the server has: rooms,
logging configurations, webhooks, content filters, users.`
	return cmd
}

func newShell(name, called, needs string, script func(root *cobra.Command, out io.Writer, descriptions bool) error, lines ...string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name,
		Short:   "Print the completion script for " + called,
		Long:    "Print the script with which " + called + " completes the commands of confab. " + needs,
		Example: command.Examples(lines...),
		Args:    command.NoArgs,
	}
	plain := cmd.Flags().Bool("no-descriptions", false, "Offer names only, without their descriptions.")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return script(cmd.Root(), cmd.OutOrStdout(), !*plain)
	}
	return cmd
}
