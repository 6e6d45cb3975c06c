package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/doctor"
)

func newDoctor(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether clients can use a server, through all proxies",
		Long: `Check a server from the side of a client, through all proxies in between: its address, TLS,
clocks, a signed call, large calls, paths with an ARN, a WebSocket handshake that returns the whole
chat token, a message, a ping, large tokens, the address of this machine as the server sees it, and
with --long a connection that is idle for a minute. Each line is OK or says what to change.

Without --room, the command creates a room and deletes it at the end. Only then does it check the
address, because it does so with bans in that room.

On the machine of the server, confab doctor machine checks that machine.

The exit status is 1 if something is wrong.`,
		Example: command.Examples(
			"confab doctor",
			"confab doctor --room demo --origin http://localhost:5173",
			"confab doctor -o json",
		),
		Args: command.NoArgs,
	}
	f := command.NewFlags(cmd, env)
	command.Offer(cmd, "endpoint") // Otherwise Tab completes the word machine.
	o := doctor.Options{}
	named := cmd.Flags().String("room", "", "Connect to this `ROOM` instead of one that is made for it.")
	f.CompleteFlag(cmd, "room", command.RoomNames)
	cmd.Flags().StringVar(&o.Origin, "origin", "", "Check whether pages of this `ORIGIN` may call the API.")
	cmd.Flags().BoolVar(&o.Long, "long", false, "Also check a connection that is idle for a minute.")
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, _ []string) error {
		ctx, stop := command.Interruptible(ctx)
		defer stop()
		if api.Endpoint == "" {
			return command.Usagef("--endpoint is missing: name the URL of the server to check")
		}
		o.API, o.URL = api, api.Endpoint
		if *named != "" {
			room, err := api.Room(ctx, *named)
			if err != nil {
				return err
			}
			o.Room = room
		}
		return Findings(cmd, p, func(found func(doctor.Finding) error) (int, error) {
			o.Found = found
			return doctor.Run(ctx, o)
		})
	})
	return cmd
}

// Findings prints each finding of a check as soon as it is known; with -o json, -o jsonl
// and -o text, all at the end. It returns an error if a check has failed.
func Findings(cmd *cobra.Command, p *command.Printer, check func(found func(doctor.Finding) error) (failed int, err error)) error {
	var items []command.Object
	failed, err := check(func(found doctor.Finding) error {
		if p.Form != command.Table {
			items = append(items, command.Members(found))
			return nil
		}
		line := "OK    " + found.Check + ": " + found.Detail
		if !found.OK {
			line = "FIX   " + found.Check + ": " + found.Detail + "\n      " + found.Fix
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), line)
		return err
	})
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before all checks were done")
	}
	if err != nil {
		return err
	}
	if p.Form != command.Table {
		if err := p.List("findings", items, command.Column{Member: "check"}, command.Column{Member: "ok"}, command.Column{Member: "detail"}, command.Column{Member: "fix"}); err != nil {
			return err
		}
	}
	switch failed {
	case 0:
		return nil
	case 1:
		return errors.New("1 check found something to change")
	}
	return fmt.Errorf("%d checks found something to change", failed)
}
