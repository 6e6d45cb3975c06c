package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/config"
)

// healthcheckTimeout is how long a server may take to answer about its health.
// Its own look at the database takes up to 2 s.
const healthcheckTimeout = 3 * time.Second

func newHealthcheck(env Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Check that the server on this machine is healthy",
		Long: `Request /healthz from the server on this machine, or /readyz with --ready. The exit status is 0 if
the server is healthy. The command finds the server through the server's own settings, which it
reads from the same flags, environment and file.`,
		Example: `  confab healthcheck
  confab healthcheck --ready
  confab healthcheck --ready --listen "$CONFAB_LISTEN"`,
		Args: command.NoArgs,
	}
	ready := cmd.Flags().Bool("ready", false, "Check whether it can serve clients: not while it drains or while its database does not answer.")
	load := settingFlags(cmd, env, true)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		path := "/healthz"
		if *ready {
			path = "/readyz"
		}
		return healthcheck(cmd.Context(), cfg, path)
	}
	return cmd
}

// healthcheck asks the server that has this configuration for the path.
func healthcheck(ctx context.Context, cfg *config.Config, path string) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	url := "http://" + reachable(cfg.Listen) + path
	transport := &http.Transport{DisableKeepAlives: true}
	if cfg.TLSCert != "" {
		url = "https" + strings.TrimPrefix(url, "http")
		//nolint:gosec // The certificate is for the name that clients use; nothing secret goes to our own address.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer within %s", healthcheckTimeout)
		}
		return fmt.Errorf("%s: %w; is the server running, with the same --listen?", url, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		why, err := io.ReadAll(io.LimitReader(res.Body, 200))
		return errors.Join(fmt.Errorf("%s: status %d: %s", url, res.StatusCode, why), err)
	}
	return nil
}

// reachable is an address that reaches a listener on address from the same
// machine: a listener on all addresses is on loopback too.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && ip.IsUnspecified() && ip.Is4():
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
