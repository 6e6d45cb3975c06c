package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const (
	// startTime is how long a command waits for a server that starts.
	startTime = 10 * time.Second
	// startPause is the time between two looks whether it accepts connections.
	startPause = 100 * time.Millisecond
)

// Wait makes a command that stays connected wait for a server that starts at this moment: one
// at whose address the connection is refused.
func (f *Flags) Wait(cmd *cobra.Command) {
	f.errs = cmd.ErrOrStderr
}

// connect is Connect, and waits if the command is one that does.
func (f *Flags) connect(ctx context.Context) (*API, error) {
	if f.errs == nil {
		return f.Connect(ctx)
	}
	for begin, said := time.Now(), false; ; {
		api, err := f.Connect(ctx)
		where, refused := devEndpoint, err
		if err == nil {
			where, refused = api.Endpoint, api.reach(ctx)
		}
		if !errors.Is(refused, syscall.ECONNREFUSED) || time.Since(begin) >= startTime {
			return api, err // The first call explains what is wrong.
		}
		if !said {
			said = true
			fmt.Fprintf(f.errs(), "confab: no server accepts connections at %s; waiting %s for one\n", where, startTime)
		}
		timer := time.NewTimer(startPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// reach returns an error if nothing answers at the endpoint.
func (a *API) reach(ctx context.Context) error {
	if a.Endpoint == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, devTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Endpoint+"/healthz", nil)
	if err != nil {
		return err
	}
	res, err := a.HTTP().Do(r)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, res.Body, peeked) // So that the connection can be used again.
	return res.Body.Close()
}
