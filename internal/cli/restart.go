package cli

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/command"
	"confab/internal/config"
)

const (
	// restartWithin is longer than a server takes to hand over after a usual drain.
	restartWithin = 5 * time.Minute
	restartPoll   = 10 * time.Millisecond
	// takeOverWithin is how long a successor may take to write the PID file after
	// its predecessor was killed.
	takeOverWithin = 10 * time.Second
)

func newRestart(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restart",
		Short: "Replace a running server by a new process",
		Long: `Make the running server (found through --pid-file) hand over to a new process, as SIGUSR2
does, and wait until the new process serves. The new process has the arguments and the
environment of the running server, and reads the program, the configuration and the
certificate again. Meanwhile no client is refused.

If the new process cannot start, the running server continues, the reason is printed, and
the exit status is 1.`,
		Example: command.Examples(
			"confab restart --pid-file confab.pid",
			"confab restart --config confab.yaml",
			"confab restart --pid-file confab.pid --timeout 10m && confab healthcheck --ready",
		),
		Args: command.NoArgs,
	}
	within := cmd.Flags().Duration("timeout", restartWithin, "Stop waiting after this time; the hand-over itself continues.")
	load := someSettingFlags(cmd, env, func(s *config.Setting) bool { return s.Name == "pid-file" || s.Name == "config" })
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		if cfg.PIDFile == "" {
			return command.Usagef("--pid-file is missing; it names the file that the server writes with --pid-file")
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), *within)
		defer cancel()
		begin := time.Now()
		from, to, err := restart(ctx, cfg.PIDFile)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "Process %d handed over to process %d in %s\n", from, to, time.Since(begin).Round(time.Millisecond))
		return err
	}
	return cmd
}

// restart asks the server for a hand-over and waits for its end.
func restart(ctx context.Context, file string) (from, to int, err error) {
	if from, err = app.RunningServer(file); err != nil {
		return 0, 0, err
	}
	if err := app.ForgetFailedHandOver(file); err != nil {
		return 0, 0, err
	}
	if err := syscall.Kill(from, syscall.SIGUSR2); err != nil {
		return 0, 0, fmt.Errorf("cannot signal process %d: %w", from, err)
	}
	poll := time.NewTicker(restartPoll)
	defer poll.Stop()
	for running := time.Now(); ; {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return 0, 0, errors.New("the hand-over takes longer than --timeout; see the server's log")
		}
		if why := app.FailedHandOver(file); why != "" {
			return 0, 0, fmt.Errorf("process %d continues to serve, the hand-over failed: %s", from, why)
		}
		pid, err := app.RunningServer(file)
		switch {
		case err == nil && pid != from:
			return from, pid, nil
		case err == nil:
			running = time.Now()
		case time.Since(running) > takeOverWithin:
			return 0, 0, fmt.Errorf("process %d ended, and no other serves: %w; see the server's log", from, err)
		}
	}
}
