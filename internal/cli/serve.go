package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/config"
	"confab/internal/telemetry"
)

func newServe(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server: the IVS Chat API and its WebSocket on one port, metrics on another.

The administrator's credentials come from CONFAB_ROOT_ACCESS_KEY_ID and
CONFAB_ROOT_SECRET_ACCESS_KEY. Every flag can also be set as CONFAB_<FLAG> or in the
file that --config names; docs/configuration.md explains them all.

SIGTERM stops the server: clients are asked to reconnect, spread over --drain-time,
and the exit status is 0. A second SIGTERM does not wait. SIGHUP reads the TLS
certificate again.`,
		Example: `  # For one developer: prints what to copy into a shell and a browser
  confab serve --dev

  # For everybody
  confab serve --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem --data-dir /var/lib/confab`,
		Args: noArgs,
	}
	load := settingFlags(cmd, env, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return serve(cmd.Context(), cfg, env)
	}
	return cmd
}

func serve(ctx context.Context, cfg *config.Config, env Environment) error {
	// From here on SIGTERM waits until there is something to stop in good order.
	// The signals are not given back at the end: one that comes late must not
	// change the exit status of a stop that went well.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	server, err := app.New(ctx, cfg, telemetry.NewLogger(env.Err, cfg.LogFormat, cfg.LogLevel))
	if err != nil {
		return err
	}
	if room := server.Demo(); room != nil {
		if err := printDev(env.Out, server.Address(), cfg, room); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stopped := make(chan struct{})
	defer close(stopped)
	go func() {
		stopping := false
		for {
			select {
			case <-stopped:
				return
			case sig := <-signals:
				switch {
				case sig == syscall.SIGHUP:
					server.ReloadCertificate(ctx)
				case stopping:
					server.StopNow()
				default:
					stopping = true
					stop()
				}
			}
		}
	}()
	return server.Run(ctx)
}
