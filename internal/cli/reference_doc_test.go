package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// reference returns the reference of all commands, for docs/cli.md.
func reference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, cmd := range leaves(root) {
		describe(&b, cmd)
	}
	return b.String()
}

const referenceHead = `# Commands

Every command of ` + "`confab`" + `. This page is generated from the commands (` + "`go generate ./internal/cli`" + `);
` + "`confab COMMAND --help`" + ` shows the same. ` + "`confab completion bash|zsh|fish`" + ` prints a script that completes commands,
flags, and the names of what the server has: rooms, logging configurations, webhooks, content filters, users. For
example, ` + "`source <(confab completion bash)`" + ` in ~/.bashrc does so in bash, which needs the package bash-completion.

## What they have in common

- Most commands are clients of the public API. They find endpoint, region and credentials as every AWS tool does:
  first flags, then the environment (` + "`AWS_ENDPOINT_URL_IVSCHAT`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, …" + `), then the
  profile. They also work against Amazon IVS Chat if it has the operation. If neither endpoint nor credentials are
  configured, they call ` + "`serve --dev`" + ` at 127.0.0.1:8080. For a server at a loopback address, the credentials of
  ` + "`serve --dev`" + ` are the default. Calls and connections trust the authority in the file that ` + "`AWS_CA_BUNDLE`" + ` names.
- ` + "`ROOM`" + ` is an ARN, an id, or a name that no other room has.
- ` + "`-o table`" + ` is for people and fits the terminal. ` + "`-o json`" + ` has the members of the API, and one list for all pages.
  ` + "`-o jsonl`" + ` has one JSON item in each line. ` + "`-o text`" + ` has one item in each line, with tabs between the values and
  without a heading.
- Standard output has the result and nothing else. An error is one line on standard error that says what to do.
- Long work shows its progress on standard error: a bar with the rate and the time left on a terminal, and a line every
  ten seconds elsewhere. Ctrl-C ends it cleanly.
- Colours are only used on a terminal, and not if the variable NO_COLOR is set.

| exit status | means |
| --- | --- |
| 0 | done |
| 1 | failed, or found something: ` + "`confab doctor`, `confab load` and `confab import --check`" + `, whose help says what counts |
| 2 | the command line or the configuration is wrong; nothing was done |

Flags that are settings of the server are in [Configuration](configuration.md), not here.
`

// leaves returns the commands that do something, in the order of their paths.
func leaves(cmd *cobra.Command) []*cobra.Command {
	if cmd.Hidden || cmd.Name() == "help" {
		return nil
	}
	var all []*cobra.Command
	if !cmd.HasSubCommands() || cmd.HasParent() && cmd.HasFlags() { // confab doctor does something, and has commands.
		all = append(all, cmd)
	}
	for _, child := range cmd.Commands() {
		all = append(all, leaves(child)...)
	}
	return all
}

func describe(b *strings.Builder, cmd *cobra.Command) {
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n```text\n%s\n```\n", cmd.CommandPath(), escapeMarkdown(long), strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	var flags []string
	settings := false
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, ok := f.Value.(*settingFlag); ok {
			settings = true
			return
		}
		if f.Name != "help" {
			flags = append(flags, flagRow(f))
		}
	})
	if len(flags) > 0 {
		fmt.Fprintf(b, "\n| flag | |\n| --- | --- |\n%s", strings.Join(flags, ""))
	}
	if settings {
		b.WriteString("\nIt also accepts the settings of the server as flags.\n")
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\n```sh example\n%s\n```\n", unindent(cmd.Example))
	}
}

func flagRow(f *pflag.Flag) string {
	name, usage := pflag.UnquoteUsage(f)
	flag := "`--" + f.Name
	if name != "" {
		flag += " " + strings.ReplaceAll(name, "|", `\|`)
	}
	flag += "`"
	if f.Shorthand != "" {
		flag = "`-" + f.Shorthand + "`, " + flag
	}
	switch f.DefValue {
	case "", "false", "0", "[]", "0s":
	default:
		usage += " Default `" + f.DefValue + "`."
	}
	return fmt.Sprintf("| %s | %s |\n", flag, strings.ReplaceAll(usage, "|", `\|`))
}

func escapeMarkdown(s string) string { return strings.NewReplacer("<", `\<`, "*", `\*`).Replace(s) }

func unindent(s string) string {
	return strings.TrimPrefix(strings.ReplaceAll(s, "\n  ", "\n"), "  ")
}
