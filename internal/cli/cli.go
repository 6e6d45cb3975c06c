// Package cli is the command tree of the confab program, one file per command.
//
// A command prints its result on standard output and nothing else there. An
// error is one line on standard error that names the thing and says what to
// change. The exit status is 0 on success, 2 for bad usage or configuration,
// and 1 for everything else.
package cli

//go:generate go test -run ^TestReference$ -update .

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"confab/internal/client"
	"confab/internal/command"
	"confab/internal/config"
	"confab/internal/telemetry"
)

// Environment is what the program gets from the operating system.
type Environment = command.Environment

// The exit statuses.
const (
	exitFailure = 1
	exitUsage   = 2
)

// flushTime is how long the end of the program waits for the reader of standard
// error.
const flushTime = time.Second

// Run runs the program with the arguments after its name and returns its exit status. Its
// caller must ignore SIGPIPE: the server continues when the reader of standard error exits,
// and a command whose reader exits reports that in its exit status.
func Run(args []string, env Environment) int {
	errs := telemetry.NewOutput(env.Err)
	defer errs.Flush(flushTime)
	env.Err = errs
	out := &result{Writer: env.Out, gone: make(chan struct{})}
	root := NewRoot(env)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		tidy(root)
	}
	root.SetArgs(args)
	root.SetIn(env.In)
	root.SetOut(out)
	root.SetErr(env.Err)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		err = out.status()
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUnread):
		return exitFailure
	}
	// One line, whatever the error says.
	fmt.Fprintln(env.Err, "confab: "+strings.Join(strings.Fields(err.Error()), " "))
	if _, ok := errors.AsType[*config.Error](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*command.UsageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

// result is standard output. If its reader exits early, as head does, that is not
// reported as an error. Any other failure is the error of the program, also if the command
// does not notice it.
type result struct {
	io.Writer
	once   sync.Once
	gone   chan struct{} // closed when nothing more can be written
	failed error         // why, unless the reader has left; it is there once gone is closed
	watch  sync.Once
}

// Gone is closed when nothing more can be written. It is noticed without a write if the reader
// has left.
func (r *result) Gone() <-chan struct{} {
	r.watch.Do(func() { command.WhenUnread(r.Writer, func() { r.end(nil) }) })
	return r.gone
}

// Unwrap returns what the output writes to.
func (r *result) Unwrap() io.Writer { return r.Writer }

func (r *result) end(err error) {
	r.once.Do(func() {
		r.failed = err
		close(r.gone)
	})
}

// status is the error of the output: errUnread if its reader has left.
func (r *result) status() error {
	select {
	case <-r.gone:
		if r.failed == nil {
			return errUnread
		}
		return r.failed
	default:
		return nil
	}
}

// errUnread ends the program without a message: the reader has what it wanted.
var errUnread = errors.New("the reader of standard output has left")

// Write writes p, unless the reader has left.
func (r *result) Write(p []byte) (int, error) {
	n, err := r.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		r.end(nil)
		return len(p), nil
	}
	if err != nil {
		if reason, ok := errors.AsType[syscall.Errno](err); ok {
			err = reason
		}
		err = fmt.Errorf("standard output cannot be written: %w", err)
		r.end(err)
	}
	return n, err
}

// NewRoot makes the command tree.
func NewRoot(env Environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "confab",
		Short: "Amazon IVS Chat on your own machines",
		Long: `Confab is Amazon IVS Chat on your own machines. AWS SDKs, the AWS CLI and the official
IVS Chat client SDKs use it unmodified: only their endpoint changes.`,
		Example: `  # A server to try, with fixed credentials and the room demo
  confab serve --dev

  # In other terminals
  confab chat demo --as ann
  confab send demo 'Hello, Ann' --as bob`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          command.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("confab {{.Version}}\n")
	root.SetFlagErrorFunc(command.FlagError)
	root.PersistentPreRunE = command.CheckLine
	root.AddCommand(
		newServe(env),
		newRestart(env),
		newCredentials(env),
		newKeys(env),
		newHealthcheck(env),
		newDatabase(env),
		newImport(env),
		newConfig(env),
		newModel(),
		newVersion(env),
		newCompletion(),
	)
	root.AddCommand(client.New(env)...)
	join(root, "token", newTokenInspect(env))
	join(root, "logging", newLoggingCheck(env))
	join(root, "doctor", newDoctorMachine(env))
	initHelp(root)
	exemplify(root)
	return root
}

// join adds a command of the server's machine to a command of clients.
func join(root *cobra.Command, name string, children ...*cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.Name() == name {
			cmd.AddCommand(children...)
		}
	}
}

// settingFlags gives a command the flags of the configuration, all of them or
// those that a command needs which opens the database itself. What it returns
// loads the configuration once the command line is parsed.
func settingFlags(cmd *cobra.Command, env Environment, all bool) (load func() (*config.Config, error)) {
	return someSettingFlags(cmd, env, func(s *config.Setting) bool { return all || s.Local })
}

// someSettingFlags does so with the settings that a command wants.
func someSettingFlags(cmd *cobra.Command, env Environment, wanted func(*config.Setting) bool) (load func() (*config.Config, error)) {
	given := map[string]string{}
	cmd.Flags().SortFlags = false
	for _, s := range config.Settings() {
		if s.EnvironmentOnly || s.FileOnly || !wanted(s) {
			continue
		}
		f := cmd.Flags().VarPF(&settingFlag{s, given}, s.Name, "", s.Usage())
		f.DefValue = s.Default()
		if s.Arg == "" {
			f.NoOptDefVal = "true"
		}
	}
	return func() (*config.Config, error) { return config.Load(given, env.Variables) }
}

// settingFlag notes the text of a flag; package config understands it later,
// so that an error is the same wherever the value stands.
type settingFlag struct {
	setting *config.Setting
	given   map[string]string
}

var _ pflag.Value = (*settingFlag)(nil)

// Set notes the value.
func (f *settingFlag) Set(s string) error {
	f.given[f.setting.Name] = s
	return nil
}

// String returns nothing: the default is set on the flag itself.
func (f *settingFlag) String() string { return "" }

// Type is what stands for the value in the help.
func (f *settingFlag) Type() string {
	if f.setting.Arg == "" {
		return "bool"
	}
	return f.setting.Arg
}
