package cli

import (
	"github.com/spf13/cobra"

	"confab/internal/client"
	"confab/internal/command"
	"confab/internal/doctor"
)

func newDoctorMachine(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "machine",
		Short: "Check the machine that a server runs on",
		Long: `Check this machine for a server: the limit of open files, queues and ports of the kernel,
memory, processors and threads that the control group allows, the clock, permissions of the data
directory and of keys, disk space, the certificate, io_uring, and PostgreSQL. Each line is OK or
says what is wrong, what it costs, and what to do.

Run it as the user of the server, with its settings, inside its container if there is one. It
changes nothing. The exit status is 1 if something is wrong.`,
		Example: command.Examples(
			`confab doctor machine --data-dir "$CONFAB_DATA_DIR"`,
			"confab doctor machine --config confab.yaml",
			"confab doctor machine -o json",
		),
		Args: command.NoArgs,
	}
	f := command.NewOutputFlags(cmd, env)
	load := settingFlags(cmd, env, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := command.Interruptible(cmd.Context())
		defer stop()
		p, err := f.Printer(cmd)
		if err != nil {
			return err
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		return client.Findings(cmd, p, func(found func(doctor.Finding) error) (int, error) {
			m := doctor.Machine{Config: cfg, Found: found}
			return m.Run(ctx)
		})
	}
	return cmd
}
