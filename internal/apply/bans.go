package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"confab/internal/command"
	"confab/internal/moderation"
	"confab/internal/moderationops"
	"confab/internal/plan"
)

// Ban is a ban, with the members of CreateBan, which replaces all of them.
type Ban struct {
	RoomIdentifier    string `yaml:"roomIdentifier"` // a name or an ARN; empty for every room
	UserID            string `yaml:"userId"`
	IPRange           string `yaml:"ipRange"`
	Type              string `yaml:"type"`
	DurationInSeconds int64  `yaml:"durationInSeconds"` // 0 is for good
	Reason            string `yaml:"reason"`
	Force             bool   `yaml:"force"`
}

// subject is whom the ban is against.
func (b *Ban) subject() string {
	if b.UserID != "" {
		return b.UserID
	}
	return b.IPRange
}

// label names a ban in a plan.
func (b *Ban) label() string { return inRoom(b.RoomIdentifier, b.Type+" "+b.subject()) }

// check also writes the range in the form of the API.
func (b *Ban) check(c checked) error {
	switch {
	case (b.UserID == "") == (b.IPRange == ""):
		return fmt.Errorf("a ban must have one of userId and ipRange; this has userId %q and ipRange %q", b.UserID, b.IPRange)
	case b.Type == "":
		return fmt.Errorf("the ban of %q has no type, such as BAN, MUTE or HIDE", b.subject())
	case b.DurationInSeconds < 0:
		return fmt.Errorf("the ban of %q has the durationInSeconds %d; it must be 1 or more, or absent for good", b.subject(), b.DurationInSeconds)
	}
	if b.IPRange != "" {
		p, err := moderation.ParseRange(b.IPRange)
		if err != nil {
			return fmt.Errorf("the ipRange of a ban %w", err)
		}
		b.IPRange = p.String()
	}
	return c.named(banKind, b.label())
}

// banKey finds a ban.
type banKey struct{ room, user, ipRange, kind string }

func (p *Plan) planBans(ctx context.Context, wanted []Ban) error {
	if len(wanted) == 0 {
		return nil
	}
	all, err := p.api.Bans(ctx, &moderationops.ListBansInput{})
	if err != nil {
		return err
	}
	known := map[banKey]*moderationops.Ban{}
	for i := range all {
		b := &all[i]
		known[banKey{aws.ToString(b.RoomArn), aws.ToString(b.UserID), aws.ToString(b.IPRange), b.Type}] = b
	}
	for i := range wanted {
		want := &wanted[i]
		room := ""
		if want.RoomIdentifier != "" {
			if room, err = p.rooms.find(banKind, want.label(), want.RoomIdentifier); err != nil {
				return err
			}
		}
		if err := p.planBan(want, known[banKey{room, want.UserID, want.IPRange, want.Type}]); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) planBan(want *Ban, have *moderationops.Ban) error {
	s := plan.Step{Kind: banKind, Name: want.label()}
	lasts, reason := "", ""
	if have != nil {
		var err error
		if lasts, err = lastsOf(have); err != nil {
			return err
		}
		s.ID, reason = have.ID, aws.ToString(have.Reason)
	}
	s.Diff = plan.Differ(nil, "duration", lasts, lastsText(want.DurationInSeconds))
	s.Diff = plan.Differ(s.Diff, "reason", reason, want.Reason)
	p.put(s, have != nil, func(ctx context.Context, s *plan.Step) error {
		in := &moderationops.CreateBanInput{
			RoomIdentifier: p.rooms.identifier(want.RoomIdentifier), UserID: command.Optional(want.UserID), IPRange: command.Optional(want.IPRange),
			Type: &want.Type, Reason: command.Optional(want.Reason),
		}
		if want.DurationInSeconds > 0 {
			in.BanDuration = &want.DurationInSeconds
		}
		if want.Force {
			in.Force = &want.Force
		}
		out, err := command.Call[moderationops.BanOutput](ctx, p.api, "CreateBan", in)
		if err != nil {
			return err
		}
		s.ID = out.ID
		return nil
	})
	return nil
}

// lastsOf is how long a ban lasts, from when it was made. The server rounds the end up to a
// whole second.
func lastsOf(b *moderationops.Ban) (string, error) {
	if b.ExpirationTime == nil {
		return lastsText(0), nil
	}
	from, err := time.Parse(time.RFC3339Nano, b.CreateTime)
	if err != nil {
		return "", err
	}
	to, err := time.Parse(time.RFC3339Nano, *b.ExpirationTime)
	if err != nil {
		return "", err
	}
	return lastsText(int64(to.Sub(from) / time.Second)), nil
}

func lastsText(seconds int64) string {
	if seconds == 0 {
		return "for good"
	}
	return (time.Duration(seconds) * time.Second).String()
}
