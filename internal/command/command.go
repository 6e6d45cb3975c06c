// Package command has what commands share: the environment, errors of usage, and, for
// those that are clients of the public API, the connection to it (API), the naming of
// rooms (API.Room), forms of output (Printer) and completion.
//
// The clients need nothing but the API: they also work against Amazon IVS Chat, where it
// has the operation.
package command

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Environment is what the program gets from the operating system.
type Environment struct {
	Variables []string // as of os.Environ
	In        io.Reader
	Out, Err  io.Writer
}

// Variable returns the value of an environment variable, or "".
func (e Environment) Variable(name string) string {
	for _, v := range e.Variables {
		if n, value, _ := strings.Cut(v, "="); n == name {
			return value
		}
	}
	return ""
}

// NoArgs refuses arguments of a command that takes none. At a command that only has
// subcommands, an argument is the name of one that does not exist.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return unknown(cmd, args[0])
	}
	return Usagef("%s takes no arguments, got %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
}

// Args makes a command take these arguments, as its usage line names them: "ROOM", "[NAME]"
// for an optional one, "ROOM…" for one or more.
func Args(names ...string) cobra.PositionalArgs {
	least, most := 0, len(names)
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			least++
		}
		if strings.Contains(name, "…") {
			most = -1
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return Usagef("%s is missing; see %s --help", strings.Trim(names[len(args)], "[]…"), cmd.CommandPath())
		case most >= 0 && len(args) > most:
			return Usagef("%s does not take %q; see %s --help", cmd.CommandPath(), args[most], cmd.CommandPath())
		}
		return nil
	}
}

// Parent makes a command that only has subcommands.
func Parent(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(children...)
	return cmd
}

// PairText returns pairs as K=V words, in the order of the keys.
func PairText(pairs map[string]string) string {
	words := make([]string, 0, len(pairs))
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		words = append(words, k+"="+pairs[k])
	}
	return strings.Join(words, " ")
}

// Pairs reads K=V arguments.
func Pairs(what string, args []string) (map[string]string, error) {
	pairs := make(map[string]string, len(args))
	for _, arg := range args {
		k, v, ok := strings.Cut(arg, "=")
		if !ok || k == "" {
			return nil, Usagef("%s %q: must be KEY=VALUE", what, arg)
		}
		if _, twice := pairs[k]; twice {
			return nil, Usagef("%s %q: the key %q is there twice", what, arg, k)
		}
		pairs[k] = v
	}
	return pairs, nil
}
