package moderator

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/moderationops"
)

var banColumns = []command.Column{
	{Heading: "ID", Member: "id"},
	{Heading: "TYPE", Member: "type"},
	{Heading: "SUBJECT", Show: banSubject},
	{Heading: "ROOM", Show: banRoom},
	{Heading: "UNTIL", Show: banEnd},
	{Heading: "BY", Member: "createdBy"},
	{Heading: "REASON", Member: "reason"},
}

func newBan(env command.Environment) *cobra.Command {
	return newRestriction(env, "ban", "BAN", "Ban a user or a range of addresses from a room",
		`Keep USER, or with --ip-range a range of addresses, out of a room. Connected sessions end within a
second. ROOM can be all, for every room. A new ban replaces one of the same user in the same room.`,
		"confab ban demo troll --for 10m --reason 'spam'",
		"confab ban all troll",
		"confab ban demo --ip-range 203.0.113.0/24 --for 24h -o json")
}

func newMute(env command.Environment) *cobra.Command {
	return newRestriction(env, "mute", "MUTE", "Let a user read in a room, but not send",
		`Refuse the messages of USER, or with --ip-range of a range of addresses, in a room. They still receive the
messages of others. ROOM can be all, for every room. A new mute replaces one of the same user in the same room.`,
		"confab mute demo loud --for 10m",
		"confab mute all loud --reason 'calm down'",
		"confab mute demo --ip-range 203.0.113.0/24 --for 1h -o json")
}

func newHide(env command.Environment) *cobra.Command {
	return newRestriction(env, "hide", "HIDE", "Deliver the messages of a user to that user only",
		`Deliver the messages of USER, or with --ip-range of a range of addresses, in a room to their sender only.
Others do not get them, and the sender does not notice. ROOM can be all, for every room.`,
		"confab hide demo troll --for 24h",
		"confab hide all troll --reason 'raid'",
		"confab hide demo --ip-range 203.0.113.0/24 --for 1h -o json")
}

func newRestriction(env command.Environment, name, kind, short, long string, lines ...string) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " ROOM [USER]", Short: short, Long: long,
		Example: command.Examples(lines...),
		Args:    command.Args("ROOM", "[USER]"),
	}
	f := command.NewFlags(cmd, env)
	var lasts time.Duration
	var reason, addresses string
	var force bool
	cmd.Flags().DurationVar(&lasts, "for", 0, "`TIME` after which it ends, such as 10m; default never.")
	cmd.Flags().StringVar(&reason, "reason", "", "`REASON`, which the clients of the user get.")
	cmd.Flags().StringVar(&addresses, "ip-range", "", "`CIDR` of the addresses, instead of USER.")
	cmd.Flags().BoolVar(&force, "force", false, "Allow a very large range: shorter than /8 (IPv4) or /16 (IPv6).")
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		in := &moderationops.CreateBanInput{RoomIdentifier: command.Optional(room), Type: &kind, IPRange: command.Optional(addresses), Reason: command.Optional(reason)}
		switch {
		case len(rest) == 0 && addresses == "":
			return command.Usagef("USER is missing; name a user, or addresses with --ip-range")
		case len(rest) == 1 && addresses != "":
			return command.Usagef("USER and --ip-range exclude each other; use one of them")
		case len(rest) == 1:
			if _, err := netip.ParsePrefix(rest[0]); err == nil {
				return command.Usagef("USER: %s is a range of addresses; name it with --ip-range", rest[0])
			}
			in.UserID = &rest[0]
		}
		if cmd.Flags().Changed("for") {
			if lasts < time.Second {
				return command.Usagef("--for %v: must be at least 1s", lasts)
			}
			in.BanDuration = new(int64(lasts / time.Second))
		}
		if force {
			in.Force = &force
		}
		ban, err := command.Call[moderationops.BanOutput](ctx, api, "CreateBan", in)
		if err != nil {
			return err
		}
		return p.One(command.Members(ban), banColumns...)
	})
	f.Complete(cmd, 1, command.UserNames(everyRoom))
	return cmd
}

func newUnban(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unban ROOM USER",
		Short: "End the bans, mutes and hides of a user in a room",
		Long: `End the bans, mutes and hides of USER in a room. If ROOM is all, end those that were made for all rooms; those of
single rooms stay. USER can also be a range of addresses (CIDR) or the id of a ban, as confab bans shows it.`,
		Example: command.Examples(
			"confab unban demo troll",
			"confab unban all troll -o json",
			"confab unban demo 203.0.113.0/24",
		),
		Args: command.Args("ROOM", "USER"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		bans, err := api.Bans(ctx, &moderationops.ListBansInput{RoomIdentifier: command.Optional(room)})
		if err != nil {
			return err
		}
		ended := 0
		for i := range bans {
			b := &bans[i]
			if aws.ToString(b.RoomArn) != room || aws.ToString(b.UserID) != rest[0] && aws.ToString(b.IPRange) != rest[0] && b.ID != rest[0] {
				continue
			}
			if _, err := command.Call[moderationops.DeleteBanOutput](ctx, api, "DeleteBan", &moderationops.DeleteBanInput{ID: &b.ID}); err != nil {
				return err
			}
			ended++
		}
		if ended == 0 {
			return fmt.Errorf("%q has no ban, mute or hide there; list them with confab bans", rest[0])
		}
		return p.Done(rest[0], "Bans, mutes and hides ended for %s: %d", rest[0], ended)
	})
	f.Complete(cmd, 1, command.BannedNames(everyRoom))
	return cmd
}

func newBans(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bans [ROOM]",
		Short: "List bans, mutes and hides",
		Long: `List the bans, mutes and hides that are in force, newest first. With ROOM, list those of this room only, without
those that apply to every room.`,
		Example: command.Examples(
			"confab bans",
			"confab bans demo -o json",
			"confab bans -o text | cut -f 1",
		),
		Args: command.Args("[ROOM]"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		bans, err := api.Bans(ctx, &moderationops.ListBansInput{RoomIdentifier: command.Optional(room)})
		if err != nil {
			return err
		}
		return p.List("bans", command.Objects(bans), banColumns...)
	})
	return cmd
}

func banSubject(o command.Object) string {
	if user, ok := o["userId"].(string); ok {
		return user
	}
	addresses, _ := o["ipRange"].(string)
	return addresses
}

func banRoom(o command.Object) string {
	arn, ok := o["roomArn"].(string)
	if !ok {
		return everyRoom
	}
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

func banEnd(o command.Object) string {
	if end, ok := o["expirationTime"].(string); ok {
		return end
	}
	return "for good"
}
