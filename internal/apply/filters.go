package apply

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"confab/internal/command"
	"confab/internal/moderationops"
	"confab/internal/plan"
)

// Filter is a content filter, with the members of PutContentFilter, which replaces all of
// them.
type Filter struct {
	RoomIdentifier string   `yaml:"roomIdentifier"` // a name or an ARN; empty for every room
	Name           string   `yaml:"name"`
	Terms          []string `yaml:"terms"`
	Expressions    []string `yaml:"expressions"`
	Action         string   `yaml:"action"`
	Message        string   `yaml:"message"`
}

// label names a filter in a plan.
func (f *Filter) label() string { return inRoom(f.RoomIdentifier, f.Name) }

// inRoom puts a room before a name; every room is none.
func inRoom(room, name string) string {
	if room == "" || name == "" {
		return name
	}
	return room + "/" + name
}

func (f *Filter) check(c checked) error {
	if err := c.named(filterKind, f.label()); err != nil {
		return err
	}
	if f.Action == "" {
		return fmt.Errorf("the filter %q has no action: DENY, MASK, HIDE or FLAG", f.label())
	}
	return nil
}

// planFilter plans a filter. Its room may be one that the plan makes.
func (p *Plan) planFilter(ctx context.Context, want *Filter) error {
	have, err := p.haveFilter(ctx, want)
	if err != nil {
		return err
	}
	exists := have != nil
	if !exists {
		have = &moderationops.ContentFilter{}
	}
	diff := plan.Differ(nil, "action", have.Action, want.Action)
	diff = plan.Differ(diff, "message", aws.ToString(have.Message), want.Message)
	if !slices.Equal(have.Terms, want.Terms) {
		diff = append(diff, plan.Difference{Member: "terms", From: terms(have.Terms), To: terms(want.Terms)})
	}
	diff = plan.Differ(diff, "expressions", joined(have.Expressions), joined(want.Expressions))
	p.put(plan.Step{Kind: filterKind, Name: want.label(), Diff: diff}, exists, func(ctx context.Context, _ *plan.Step) error {
		_, err := command.Call[moderationops.PutContentFilterOutput](ctx, p.api, "PutContentFilter", &moderationops.PutContentFilterInput{
			RoomIdentifier: p.rooms.identifier(want.RoomIdentifier), FilterName: &want.Name, Terms: want.Terms, Expressions: want.Expressions,
			Action: &want.Action, FilterMessage: command.Optional(want.Message),
		})
		return err
	})
	return nil
}

// terms is a list of terms in a plan: it may have thousands.
func terms(list []string) string { return fmt.Sprintf("%d terms", len(list)) }

// haveFilter returns the filter as it is; nil if there is none.
func (p *Plan) haveFilter(ctx context.Context, want *Filter) (*moderationops.ContentFilter, error) {
	in := &moderationops.GetContentFilterInput{FilterName: &want.Name}
	if want.RoomIdentifier != "" {
		arn, err := p.rooms.find(filterKind, want.Name, want.RoomIdentifier)
		if err != nil || arn == made {
			return nil, err
		}
		in.RoomIdentifier = &arn
	}
	have, err := command.Call[moderationops.GetContentFilterOutput](ctx, p.api, "GetContentFilter", in)
	if command.Code(err) == "ResourceNotFoundException" {
		return nil, nil
	}
	return have, err
}
