package command

import (
	"context"

	"github.com/spf13/cobra"
)

// Run has a command connect to the API and do its work.
func (f *Flags) Run(cmd *cobra.Command, do func(ctx context.Context, api *API, p *Printer, args []string) error) {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := f.Printer(cmd)
		if err != nil {
			return err
		}
		api, err := f.connect(cmd.Context())
		if err != nil {
			return err
		}
		return do(cmd.Context(), api, p, args)
	}
}

// RunRoom is Run for a command whose first argument is ROOM. The other arguments are rest.
func (f *Flags) RunRoom(cmd *cobra.Command, do func(ctx context.Context, api *API, p *Printer, room string, rest []string) error) {
	f.Complete(cmd, 0, RoomNames)
	f.Run(cmd, func(ctx context.Context, api *API, p *Printer, args []string) error {
		room, err := api.Room(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, api, p, room, args[1:])
	})
}

// RunRoomOr is RunRoom for a command whose ROOM is optional, or may be the word every,
// which stands for all rooms. room is "" in both cases.
func (f *Flags) RunRoomOr(cmd *cobra.Command, every string, do func(ctx context.Context, api *API, p *Printer, room string, rest []string) error) {
	f.Complete(cmd, 0, roomNamesOr(every))
	f.Run(cmd, func(ctx context.Context, api *API, p *Printer, args []string) error {
		if len(args) == 0 {
			return do(ctx, api, p, "", nil)
		}
		if args[0] == every {
			return do(ctx, api, p, "", args[1:])
		}
		room, err := api.Room(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, api, p, room, args[1:])
	})
}
