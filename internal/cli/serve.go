package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"confab/internal/app"
	"confab/internal/client"
	"confab/internal/command"
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

SIGTERM stops the server: its sessions end and clients reconnect. A node of several
spreads that over --drain-time. The exit status is 0. After a second SIGTERM it does not
wait. SIGHUP makes the server read the TLS certificate again.

SIGUSR2 replaces the server by a new process, which reads the program and the
configuration again. Meanwhile no client is refused. If the new process cannot start, the
running server continues and logs the reason. confab restart does this and waits for the
result.`,
		Example: `  # For one developer: it prints what to copy into a shell and a browser
  confab serve --dev
  confab serve --dev --apply rooms.yaml

  # For everybody, with the listeners and the rest in a file
  confab serve --config confab.yaml --tls-cert cert.pem --tls-key key.pem`,
		Args: command.NoArgs,
	}
	file := cmd.Flags().String("apply", "", "Make the rooms that this `FILE` describes, as confab apply does; with --dev only.")
	load := settingFlags(cmd, env, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		predecessor := app.FindPredecessor()
		cfg, err := load()
		if err == nil && *file != "" && !cfg.Dev {
			err = command.Usagef("--apply %s: only with --dev; otherwise use confab apply", *file)
		}
		if err == nil {
			err = serve(cmd.Context(), cfg, env, predecessor, *file)
		}
		predecessor.Failed(err)
		return err
	}
	return cmd
}

func serve(ctx context.Context, cfg *config.Config, env Environment, predecessor *app.Predecessor, file string) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	started, ended := make(chan *app.Server, 1), make(chan struct{})
	defer close(ended)
	// The signals are not given back at the end: one that comes late must not
	// change the exit status of a stop that went well.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR2)
	go obey(ctx, stop, signals, started, ended)

	log := telemetry.NewLogger(env.Err, cfg.LogFormat, cfg.LogLevel)
	telemetry.SetDefault(log)
	server, err := app.New(ctx, cfg, log, predecessor)
	if err != nil {
		// Asked to stop before there was anything to stop in good order, for
		// instance while it waited for the server before it.
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	started <- server
	if room := server.Demo(); room != nil {
		out := telemetry.NewOutput(env.Out)
		defer out.Flush(flushTime)
		if err := printDev(out, server.Address(), cfg, room); err != nil {
			return err
		}
		if file != "" {
			applied := make(chan error, 1)
			go func() {
				err := applyDev(ctx, cfg, server.Address(), file, out)
				if err != nil {
					stop()
				}
				applied <- err
			}()
			defer func() {
				if err == nil {
					err = <-applied
				}
			}()
		}
	}
	for {
		err := server.Run(ctx)
		failed, ok := errors.AsType[*app.TakeBackError](err)
		if !ok {
			return err
		}
		if server, err = failed.TakeBack(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		}
		started <- server
	}
}

// applyDev makes what a file describes on the server of this process.
func applyDev(ctx context.Context, cfg *config.Config, address net.Addr, file string, out io.Writer) error {
	scheme, itself := "http", &http.Client{}
	if cfg.TLSCert != "" {
		scheme = "https"
		own, err := trustOwn(cfg)
		if err != nil {
			return err
		}
		itself.Transport = own
	}
	api := command.Dev(scheme+"://"+reachable(address.String())+cfg.BasePath, cfg.Region, itself)
	err := client.ApplyDev(ctx, api, file, func(line string) { fmt.Fprintln(out, line) })
	if ctx.Err() != nil {
		err = nil // The server was stopped meanwhile.
	}
	return err
}

// trustOwn makes the transport of a client that trusts the server's own certificate, although no
// authority may have signed it, and for another name.
func trustOwn(cfg *config.Config) (*http.Transport, error) {
	own, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
	if err != nil {
		return nil, err
	}
	return &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // The certificate is compared instead.
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, own.Certificate[0]) {
				return errors.New("another certificate than that of --tls-cert is at the server's own address")
			}
			return nil
		},
	}}, nil
}

// obey does what signals ask for until ended is closed. The first signal to stop calls
// stop. After the second one, the server does not wait for clients. SIGHUP makes the
// server read its certificate again, and SIGUSR2 makes it hand over. The server is
// received from started, and again when it was built anew after a failed hand-over.
// Before it is there, SIGHUP and SIGUSR2 have nothing to do: the certificate is read
// at the start, and there is nothing to hand over.
func obey(ctx context.Context, stop context.CancelFunc, signals <-chan os.Signal, started <-chan *app.Server, ended <-chan struct{}) {
	var server *app.Server
	for stops := 0; ; {
		select {
		case <-ended:
			return
		case server = <-started:
		case sig := <-signals:
			switch {
			case sig != syscall.SIGHUP && sig != syscall.SIGUSR2:
				stops++
				stop()
			case server == nil:
			case sig == syscall.SIGHUP:
				server.ReloadCertificate(ctx)
			default:
				server.HandOver()
			}
		}
		if stops > 1 && server != nil {
			server.StopNow()
		}
	}
}
