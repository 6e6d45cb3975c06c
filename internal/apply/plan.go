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
	"confab/internal/plan"
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
	webhookKind = "webhook"
	banKind     = "ban"
)

// Plan is the list of changes, in the order in which they are made.
type Plan struct {
	plan.Plan

	api   *command.API
	set   string
	arns  map[string]string // of logging configurations, by name
	rooms rooms
}

// Make compares a set with the resources of a server, and returns the plan. With prune, the
// plan also deletes the resources that an earlier apply of a set of this name created and
// that the set does not have any more.
func Make(ctx context.Context, api *command.API, name string, s *Set, prune bool) (*Plan, error) {
	p := &Plan{api: api, set: name, arns: map[string]string{}, rooms: rooms{}}
	logging, err := api.LoggingConfigurations(ctx)
	if err != nil {
		return nil, err
	}
	all, err := api.Rooms(ctx, &ivschat.ListRoomsInput{})
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
		if err := p.planRoom(ctx, &s.Rooms[i], s, all); err != nil {
			return nil, err
		}
	}
	p.rooms.know(s, all)
	for i := range s.Filters {
		if err := p.planFilter(ctx, &s.Filters[i]); err != nil {
			return nil, err
		}
	}
	if err := p.planWebhooks(ctx, s.Webhooks); err != nil {
		return nil, err
	}
	if err := p.planBans(ctx, s.Bans); err != nil {
		return nil, err
	}
	if prune {
		p.prune(s, all, logging)
	}
	return p, nil
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

// put adds a step that makes or changes an object.
func (p *Plan) put(s plan.Step, exists bool, do plan.Do) {
	p.Put(s, exists, func(ctx context.Context, s *plan.Step) error { return p.api.Explain(do(ctx, s)) })
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

func differTags(diff []plan.Difference, have, want map[string]string) []plan.Difference {
	for _, k := range slices.Sorted(maps.Keys(changedTags(have, want))) {
		diff = append(diff, plan.Difference{Member: "tags." + k, From: have[k], To: want[k]})
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
		p.Remove(plan.Step{Kind: kind, Name: aws.ToString(name), ARN: aws.ToString(arn)}, func(ctx context.Context, _ *plan.Step) error {
			return p.api.Explain(do(ctx))
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
