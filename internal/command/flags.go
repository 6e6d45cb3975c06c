package command

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Flags are those that all clients of the API have.
type Flags struct {
	env                       Environment
	endpoint, region, profile string
	output                    string
	errs                      func() io.Writer // where a command says that it waits; nil does not wait
	via                       func(context.Context) (*API, error)
}

// Via makes a command connect with connect, and not by the flags of a client.
func (f *Flags) Via(connect func(context.Context) (*API, error)) { f.via = connect }

// NewFlags gives a command the flags of a client.
func NewFlags(cmd *cobra.Command, env Environment) *Flags {
	f := NewOutputFlags(cmd, env)
	f.connectionFlags(cmd)
	return f
}

// NewOutputFlags gives a command that calls no API the flag --output.
func NewOutputFlags(cmd *cobra.Command, env Environment) *Flags {
	f := &Flags{env: env}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", string(Table), "`FORM` of the output: table, json, jsonl or text.")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "jsonl", "text"}, cobra.ShellCompDirectiveNoFileComp))
	return f
}

// NewConnectionFlags gives a command the flags of a client that has an output of its own.
func NewConnectionFlags(cmd *cobra.Command, env Environment) *Flags {
	f := &Flags{env: env, output: string(Table)}
	f.connectionFlags(cmd)
	return f
}

// offered marks a flag of Offer.
const offered = "confab_offered"

// Offer has completion offer flags where it has no further argument to offer: those that a command
// cannot do without, or does little without. The command says itself what is missing.
func Offer(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		_ = cmd.Flags().SetAnnotation(name, offered, nil) // It fails only if there is no such flag.
	}
}

// Offered reports whether a flag is one of Offer.
func Offered(f *pflag.Flag) bool {
	_, is := f.Annotations[offered]
	return is
}

func (f *Flags) connectionFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.endpoint, "endpoint", "", "`URL` of the server; default AWS_ENDPOINT_URL_IVSCHAT, the profile's, or a server with --dev on this machine.")
	flags.StringVar(&f.region, "region", "", "AWS `REGION`; default AWS_REGION or the profile's.")
	flags.StringVar(&f.profile, "profile", "", "`PROFILE` of the AWS configuration files; default AWS_PROFILE.")
}

// Printer returns what prints in the form that --output asks for.
func (f *Flags) Printer(cmd *cobra.Command) (*Printer, error) {
	switch form := Form(f.output); form {
	case Table, JSON, JSONL, Text:
		return &Printer{Form: form, out: cmd.OutOrStdout(), width: terminalWidth(f.env.Out)}, nil
	}
	return nil, Usagef("--output %q: must be table, json, jsonl or text", f.output)
}
