package cli_test

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"confab/internal/cli"
	"confab/internal/command"
)

// noForms are the commands without --output, and what they print instead.
var noForms = map[string]string{
	"confab chat":               "frames, or a screen",
	"confab room export":        "a file, whose form is --format",
	"confab model":              "a document of JSON",
	"confab completion bash":    "a script",
	"confab completion zsh":     "a script",
	"confab completion fish":    "a script",
	"confab help":               "a help",
	"confab serve":              "what a developer copies",
	"confab restart":            "a sentence",
	"confab healthcheck":        "nothing",
	"confab credentials delete": "a sentence",
	"confab keys rotate":        "a sentence",
	"confab keys delete-signer": "a sentence",
	"confab database migrate":   "a sentence",
}

// TestOutput holds that every command that prints a result has the same forms of it, with the same
// default, and refuses another form before it does anything.
func TestOutput(t *testing.T) {
	root := cli.NewRoot(cli.Environment{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	without := maps.Clone(noForms)
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, child := range cmd.Commands() {
			check(child)
		}
		if cmd.Hidden || !cmd.HasParent() || cmd.HasSubCommands() && !cmd.HasFlags() {
			return
		}
		path := cmd.CommandPath()
		form := cmd.Flags().Lookup("output")
		if form == nil {
			if without[path] == "" {
				t.Errorf("%s has no --output", path)
			}
			delete(without, path)
			return
		}
		if form.DefValue != "table" || form.Shorthand != "o" {
			t.Errorf("%s: -%s, --output has the default %q", path, form.Shorthand, form.DefValue)
		}
		if err := form.Value.Set("csv"); err != nil {
			t.Error(err)
		}
		cmd.SetContext(t.Context())
		err := cmd.RunE(cmd, nil)
		if _, ok := errors.AsType[*command.UsageError](err); !ok || err.Error() != `--output "csv": must be table, json, jsonl or text` {
			t.Errorf("%s -o csv: the error is %v", path, err)
		}
	}
	check(root)
	if len(without) > 0 {
		t.Errorf("these have --output, or are no commands: %q", slices.Sorted(maps.Keys(without)))
	}
}
