package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"

	"confab/internal/command"
)

// managedBy is the tag of what apply made; its value is managedPrefix and the set's name.
const (
	managedBy     = "managed-by"
	managedPrefix = "confab-apply:"
)

// The kinds of objects.
const (
	roomKind    = "room"
	loggingKind = "logging configuration"
	filterKind  = "filter"
)

// Action is what a plan does with an object.
type Action string

// The actions.
const (
	Create Action = "create"
	Change Action = "change"
	Keep   Action = "keep"
	Delete Action = "delete"
)

// Step is one object of a plan.
type Step struct {
	Action Action       `json:"action"`
	Kind   string       `json:"type"`
	Name   string       `json:"name"`
	ARN    string       `json:"arn,omitzero"`
	Diff   []Difference `json:"diff"`

	do func(context.Context) (arn string, err error)
}

// Difference is a member that differs.
type Difference struct {
	Member string `json:"member"`
	From   string `json:"from"`
	To     string `json:"to"`
}

// Plan is what has to be done, in its order.
type Plan struct {
	Steps []*Step

	api  *command.API
	set  string
	arns map[string]string // of logging configurations, by name
	// rooms has the ARNs of the rooms that filters may name, by name.
	rooms map[string]string
}

// Make compares a set with what there is. With prune, what the set of this name made before
// and does not have any more is deleted.
func Make(ctx context.Context, api *command.API, name string, s *Set, prune bool) (*Plan, error) {
	p := &Plan{api: api, set: name, arns: map[string]string{}, rooms: map[string]string{}}
	logging, err := api.LoggingConfigurations(ctx)
	if err != nil {
		return nil, err
	}
	rooms, err := api.Rooms(ctx, &ivschat.ListRoomsInput{})
	if err != nil {
		return nil, err
	}
	for i := range logging {
		p.arns[aws.ToString(logging[i].Name)] = aws.ToString(logging[i].Arn)
	}
	for i := range s.LoggingConfigurations {
		if err := p.planLogging(&s.LoggingConfigurations[i], logging); err != nil {
			return nil, err
		}
	}
	for i := range s.Rooms {
		if err := p.planRoom(ctx, &s.Rooms[i], s, rooms); err != nil {
			return nil, err
		}
	}
	p.knowRooms(s, rooms)
	for i := range s.Filters {
		if err := p.planFilter(ctx, &s.Filters[i]); err != nil {
			return nil, err
		}
	}
	if prune {
		p.prune(s, rooms, logging)
	}
	return p, nil
}

// Count returns how many steps have the action.
func (p *Plan) Count(a Action) (n int) {
	for _, s := range p.Steps {
		if s.Action == a {
			n++
		}
	}
	return n
}

// Changes returns how many steps change something.
func (p *Plan) Changes() int { return len(p.Steps) - p.Count(Keep) }

// Do carries the plan out, and calls done after each step that changed something.
func (p *Plan) Do(ctx context.Context, done func(*Step)) error {
	for _, s := range p.Steps {
		if s.Action == Keep {
			continue
		}
		arn, err := s.do(ctx)
		if err != nil {
			return fmt.Errorf("%s %s %q: %w; what was done before stays, and the next apply continues", s.Action, s.Kind, s.Name, p.api.Explain(err))
		}
		if arn != "" {
			s.ARN = arn
		}
		done(s)
	}
	return nil
}

func (p *Plan) managed(tags map[string]string) bool { return tags[managedBy] == managedPrefix+p.set }

// withManaged adds the tag of the set to those of an object that is made.
func (p *Plan) withManaged(tags map[string]string) map[string]string {
	all := maps.Clone(tags)
	if all == nil {
		all = map[string]string{}
	}
	all[managedBy] = managedPrefix + p.set
	return all
}

// find returns the one object with a name: if there are several, the one of the set.
func find[T any](p *Plan, kind, name string, all []T, of func(*T) (name string, tags map[string]string)) (*T, error) {
	var found, ours []*T
	for i := range all {
		if n, tags := of(&all[i]); n == name {
			found = append(found, &all[i])
			if p.managed(tags) {
				ours = append(ours, &all[i])
			}
		}
	}
	switch {
	case len(ours) == 1:
		return ours[0], nil
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return nil, nil
	}
	return nil, fmt.Errorf("there are %d %ss named %q; rename or delete all but one", len(found), kind, name)
}

// step adds a step that makes or changes an object.
func (p *Plan) step(kind, name, arn string, diff []Difference, do func(context.Context) (string, error)) {
	s := &Step{Kind: kind, Name: name, ARN: arn, Diff: diff, do: do, Action: Change}
	switch {
	case arn == "":
		s.Action = Create
	case len(diff) == 0:
		s.Action = Keep
	}
	p.Steps = append(p.Steps, s)
}

// differ appends a difference, if there is one.
func differ(diff []Difference, member, from, to string) []Difference {
	if from == to {
		return diff
	}
	return append(diff, Difference{member, from, to})
}

// changedTags returns the tags that have to be set.
func changedTags(have, want map[string]string) map[string]string {
	changed := map[string]string{}
	for k, v := range want {
		if old, ok := have[k]; !ok || old != v {
			changed[k] = v
		}
	}
	return changed
}

func differTags(diff []Difference, have, want map[string]string) []Difference {
	for _, k := range slices.Sorted(maps.Keys(changedTags(have, want))) {
		diff = append(diff, Difference{"tags." + k, have[k], want[k]})
	}
	return diff
}

func (p *Plan) tag(ctx context.Context, arn string, have, want map[string]string) error {
	changed := changedTags(have, want)
	if len(changed) == 0 {
		return nil
	}
	_, err := p.api.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: &arn, Tags: changed})
	return err
}

// prune deletes what the set made and does not have any more: rooms first, since they use
// logging configurations.
func (p *Plan) prune(s *Set, rooms []types.RoomSummary, logging []types.LoggingConfigurationSummary) {
	wanted := map[string]bool{}
	for i := range s.Rooms {
		wanted[roomKind+s.Rooms[i].Name] = true
	}
	for i := range s.LoggingConfigurations {
		wanted[loggingKind+s.LoggingConfigurations[i].Name] = true
	}
	remove := func(kind string, name, arn *string, tags map[string]string, do func(context.Context) error) {
		if !p.managed(tags) || wanted[kind+aws.ToString(name)] {
			return
		}
		p.Steps = append(p.Steps, &Step{
			Action: Delete, Kind: kind, Name: aws.ToString(name), ARN: aws.ToString(arn),
			do: func(ctx context.Context) (string, error) { return "", do(ctx) },
		})
	}
	for i := range rooms {
		r := &rooms[i]
		remove(roomKind, r.Name, r.Arn, r.Tags, func(ctx context.Context) error {
			_, err := p.api.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: r.Arn})
			return err
		})
	}
	for i := range logging {
		l := &logging[i]
		remove(loggingKind, l.Name, l.Arn, l.Tags, func(ctx context.Context) error {
			_, err := p.api.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: l.Arn})
			return err
		})
	}
}

// text of a number that may be absent.
func number(n *int32) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

func joined(list []string) string { return strings.Join(slices.Sorted(slices.Values(list)), ", ") }
