package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"confab/internal/app"
)

// restartWithin is how long a hand-over may take, besides the drain of a node
// that has others.
const restartWithin = 3 * time.Minute

func newRestart(Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restart",
		Short: "Replace a running server by a new process",
		Long: `Have the server with this PID file hand over to a new process, which reads the program,
the configuration file and the certificate again. Clients are not refused meanwhile.
The new process has the arguments and the environment of the running one. If it cannot
start, the running server continues, and the exit status is 1.`,
		Example: `  confab restart --pid-file /run/confab/pid`,
		Args:    noArgs,
	}
	file := cmd.Flags().String("pid-file", "", "the file of the server's --pid-file")
	within := cmd.Flags().Duration("timeout", restartWithin, "how long to wait")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *file == "" {
			return usagef("--pid-file is missing; it names the file that the server writes with --pid-file")
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), *within)
		defer cancel()
		from, to, err := restart(ctx, *file)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Process %d has replaced process %d\n", to, from)
		return nil
	}
	return cmd
}

// restart asks for a hand-over and waits for its end.
func restart(ctx context.Context, file string) (from, to int, err error) {
	if from, err = app.RunningServer(file); err != nil {
		return 0, 0, err
	}
	failed := file + app.FailedSuffix
	if err := os.Remove(failed); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, 0, err
	}
	if err := syscall.Kill(from, syscall.SIGUSR2); err != nil {
		return 0, 0, fmt.Errorf("cannot signal process %d: %w", from, err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, 0, errors.New("the hand-over has not ended in time; the log of the server says more")
		}
		if why, err := os.ReadFile(failed); err == nil && len(why) > 0 {
			return 0, 0, fmt.Errorf("the server was not replaced: %s", strings.TrimSpace(string(why)))
		}
		if pid, err := app.RunningServer(file); err == nil && pid != from {
			return from, pid, nil
		}
	}
}
