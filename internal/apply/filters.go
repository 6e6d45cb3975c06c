package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/command"
	"confab/internal/extension"
)

// Filter is a content filter, with the members of PutContentFilter.
type Filter struct {
	RoomIdentifier string   `yaml:"roomIdentifier"` // a name or an ARN; empty for every room
	Name           string   `yaml:"name"`
	Terms          []string `yaml:"terms"`
	Expressions    []string `yaml:"expressions"`
	Action         string   `yaml:"action"`
	Message        string   `yaml:"message"`
}

// label names a filter in a plan.
func (f *Filter) label() string {
	if f.RoomIdentifier == "" {
		return f.Name
	}
	return f.RoomIdentifier + "/" + f.Name
}

// What Plan.rooms has for rooms without one ARN.
const (
	made    = "made by the plan"
	several = "several rooms"
)

// roomARN returns the ARN of a room that a filter names; "" if there is none.
func (p *Plan) roomARN(named string) string {
	if strings.HasPrefix(named, "arn:") {
		return named
	}
	return p.rooms[named]
}

// knowRooms fills in the rooms that filters may name.
func (p *Plan) knowRooms(s *Set, all []types.RoomSummary) {
	for i := range all {
		name := aws.ToString(all[i].Name)
		if p.rooms[name] != "" {
			p.rooms[name] = several
			continue
		}
		p.rooms[name] = aws.ToString(all[i].Arn)
	}
	for i := range s.Rooms {
		if name := s.Rooms[i].Name; p.rooms[name] == "" {
			p.rooms[name] = made
		}
	}
}

// planFilter plans a filter. Its room may be one that the plan makes.
func (p *Plan) planFilter(ctx context.Context, want *Filter) error {
	have, err := p.haveFilter(ctx, want)
	if err != nil {
		return err
	}
	s := &Step{Kind: filterKind, Name: want.label(), Action: Change}
	if have == nil {
		s.Action, have = Create, &extension.ContentFilter{}
	}
	diff := differ(nil, "action", have.Action, want.Action)
	diff = differ(diff, "message", aws.ToString(have.Message), want.Message)
	if !slices.Equal(have.Terms, want.Terms) {
		diff = append(diff, Difference{"terms", fmt.Sprintf("%d terms", len(have.Terms)), fmt.Sprintf("%d terms", len(want.Terms))})
	}
	diff = differ(diff, "expressions", joined(have.Expressions), joined(want.Expressions))
	if s.Diff = diff; len(diff) == 0 {
		s.Action = Keep
	}
	s.do = func(ctx context.Context) (string, error) {
		in := &extension.PutContentFilterInput{FilterName: &want.Name, Terms: want.Terms, Expressions: want.Expressions, Action: &want.Action}
		if want.RoomIdentifier != "" {
			in.RoomIdentifier = new(p.roomARN(want.RoomIdentifier))
		}
		if want.Message != "" {
			in.FilterMessage = &want.Message
		}
		_, err := command.Call[extension.PutContentFilterOutput](ctx, p.api, "PutContentFilter", in)
		return "", err
	}
	p.Steps = append(p.Steps, s)
	return nil
}

// haveFilter returns the filter as it is; nil if there is none.
func (p *Plan) haveFilter(ctx context.Context, want *Filter) (*extension.ContentFilter, error) {
	in := &extension.GetContentFilterInput{FilterName: &want.Name}
	if want.RoomIdentifier != "" {
		switch arn := p.roomARN(want.RoomIdentifier); arn {
		case made:
			return nil, nil
		case "":
			return nil, fmt.Errorf("the filter %q is of the room %q, which is neither in the file nor on the server", want.Name, want.RoomIdentifier)
		case several:
			return nil, fmt.Errorf("the filter %q is of the room %q, but several rooms have that name; use an ARN", want.Name, want.RoomIdentifier)
		default:
			in.RoomIdentifier = &arn
		}
	}
	have, err := command.Call[extension.GetContentFilterOutput](ctx, p.api, "GetContentFilter", in)
	if command.Code(err) == "ResourceNotFoundException" {
		return nil, nil
	}
	return have, err
}
