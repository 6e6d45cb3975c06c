package moderator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"confab/internal/command"
	"confab/internal/extension"
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
	return newRestriction(env, "ban", "BAN", "Keep a user or a range of addresses out of a room",
		`Keep USER, or with --ip-range a range of addresses, out of a room. Sessions that are connected end
within a second. ROOM can be all, for every room. A ban of the same user in the same room is replaced.`,
		"confab ban demo troll --for 10m --reason 'spam'",
		"confab ban all troll",
		"confab ban demo --ip-range 203.0.113.0/24 --for 24h -o json")
}

func newMute(env command.Environment) *cobra.Command {
	return newRestriction(env, "mute", "MUTE", "Let a user read in a room, and send nothing",
		`Refuse the messages of USER, or with --ip-range of a range of addresses, in a room. What others send is
delivered to them. ROOM can be all, for every room. A mute of the same user in the same room is replaced.`,
		"confab mute demo loud --for 10m",
		"confab mute all loud --reason 'calm down'",
		"confab mute demo --ip-range 203.0.113.0/24 --for 1h -o json")
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
	cmd.Flags().DurationVar(&lasts, "for", 0, "How long, a `TIME` such as 10m; default for good.")
	cmd.Flags().StringVar(&reason, "reason", "", "`REASON`; the clients of the user get it.")
	cmd.Flags().StringVar(&addresses, "ip-range", "", "`CIDR` of the addresses, instead of USER.")
	cmd.Flags().BoolVar(&force, "force", false, "Allow a range of very many addresses.")
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		in := &extension.CreateBanInput{RoomIdentifier: command.Optional(room), Type: &kind, IPRange: command.Optional(addresses), Reason: command.Optional(reason)}
		switch {
		case len(rest) == 0 && addresses == "":
			return command.Usagef("USER is missing; name a user, or addresses with --ip-range")
		case len(rest) == 1 && addresses != "":
			return command.Usagef("USER and --ip-range exclude each other")
		case len(rest) == 1:
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
		ban, err := command.Call[extension.BanOutput](ctx, api, "CreateBan", in)
		if err != nil {
			return err
		}
		return p.One(command.Members(ban), banColumns...)
	})
	return cmd
}

func newUnban(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unban ROOM USER",
		Short: "End the bans and mutes of a user in a room",
		Long: `End the bans and mutes of USER in a room. ROOM can be all: that ends those of every room, and not those of
single rooms. USER can be a range of addresses (CIDR) as confab bans shows it, or the id of a ban.`,
		Example: command.Examples(
			"confab unban demo troll",
			"confab unban all troll -o json",
			"confab unban demo 203.0.113.0/24",
		),
		Args: command.Args("ROOM", "USER"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, rest []string) error {
		bans, err := api.Bans(ctx, &extension.ListBansInput{RoomIdentifier: command.Optional(room)})
		if err != nil {
			return err
		}
		ended := 0
		for i := range bans {
			b := &bans[i]
			if aws.ToString(b.RoomArn) != room || aws.ToString(b.UserID) != rest[0] && aws.ToString(b.IPRange) != rest[0] && b.ID != rest[0] {
				continue
			}
			if _, err := command.Call[extension.DeleteBanOutput](ctx, api, "DeleteBan", &extension.DeleteBanInput{ID: &b.ID}); err != nil {
				return err
			}
			ended++
		}
		if ended == 0 {
			return fmt.Errorf("%q has no ban and no mute there; confab bans shows all", rest[0])
		}
		return p.Done(rest[0], "Ended %d of %s", ended, rest[0])
	})
	return cmd
}

func newBans(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bans [ROOM]",
		Short: "List bans and mutes",
		Long: `List the bans and mutes that are in force, the newest first: of one room, without those of every room, or
all.`,
		Example: command.Examples(
			"confab bans",
			"confab bans demo -o json",
			"confab bans -o text | cut -f 1",
		),
		Args: command.Args("[ROOM]"),
	}
	f := command.NewFlags(cmd, env)
	f.RunRoomOr(cmd, everyRoom, func(ctx context.Context, api *command.API, p *command.Printer, room string, _ []string) error {
		bans, err := api.Bans(ctx, &extension.ListBansInput{RoomIdentifier: command.Optional(room)})
		if err != nil {
			return err
		}
		items := make([]command.Object, len(bans))
		for i := range bans {
			items[i] = command.Members(bans[i])
		}
		return p.List("bans", items, banColumns...)
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
