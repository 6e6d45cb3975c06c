package awsimport

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"confab/internal/chat"
	"confab/internal/plan"
)

// Store is the database that takes the resources.
type Store interface {
	Room(ctx context.Context, id string) (*chat.Room, error)
	CreateRoom(ctx context.Context, r *chat.Room, limit int) error
	UpdateRoom(ctx context.Context, id string, change func(*chat.Room) error) (*chat.Room, error)
	LoggingConfiguration(ctx context.Context, id string) (*chat.LoggingConfiguration, error)
	CreateLoggingConfiguration(ctx context.Context, c *chat.LoggingConfiguration, limit int) error
	UpdateLoggingConfiguration(ctx context.Context, id string, change func(*chat.LoggingConfiguration) error) (*chat.LoggingConfiguration, error)
}

// Make compares a source with a database, and returns the plan. Resources that only the
// database has are not changed.
func Make(ctx context.Context, s *Source, db Store) (*plan.Plan, error) {
	p := &plan.Plan{}
	for _, want := range s.LoggingConfigurations {
		if err := planLogging(ctx, p, want, db); err != nil {
			return nil, err
		}
	}
	for _, want := range s.Rooms {
		if err := planRoom(ctx, p, want, db); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func planLogging(ctx context.Context, p *plan.Plan, want *chat.LoggingConfiguration, db Store) error {
	step := plan.Step{Kind: "logging configuration", Name: want.Name, ARN: want.ARN.String()}
	return put(ctx, p, step, want, want.ARN.ID, db.LoggingConfiguration, loggingMembers, db.CreateLoggingConfiguration, func(ctx context.Context) error {
		_, err := db.UpdateLoggingConfiguration(ctx, want.ARN.ID, func(c *chat.LoggingConfiguration) error {
			c.Name, c.Destination, c.Tags = want.Name, want.Destination, want.Tags
			return nil
		})
		return err
	})
}

func planRoom(ctx context.Context, p *plan.Plan, want *chat.Room, db Store) error {
	step := plan.Step{Kind: "room", Name: want.Name, ARN: want.ARN.String()}
	return put(ctx, p, step, want, want.ARN.ID, db.Room, roomMembers, db.CreateRoom, func(ctx context.Context) error {
		_, err := db.UpdateRoom(ctx, want.ARN.ID, func(r *chat.Room) error {
			r.Name, r.Tags = want.Name, want.Tags
			r.MaximumMessageLength, r.MaximumMessageRatePerSecond = want.MaximumMessageLength, want.MaximumMessageRatePerSecond
			r.MessageReviewHandler, r.LoggingConfigurations = want.MessageReviewHandler, want.LoggingConfigurations
			return nil
		})
		return err
	})
}

// put adds the step of a resource, which get finds.
func put[T any](
	ctx context.Context, p *plan.Plan, step plan.Step, want *T, id string,
	get func(context.Context, string) (*T, error), members func(*T) map[string]string,
	create func(context.Context, *T, int) error, change func(context.Context) error,
) error {
	have, err := get(ctx, id)
	exists := chat.CodeOf(err) != chat.NotFound
	if exists && err != nil {
		return err
	}
	now := map[string]string{}
	if exists {
		now = members(have)
	}
	step.Diff = differ(now, members(want))
	p.Put(step, exists, func(ctx context.Context, _ *plan.Step) error {
		if exists {
			return change(ctx)
		}
		return create(ctx, want, 0)
	})
	return nil
}

func loggingMembers(c *chat.LoggingConfiguration) map[string]string {
	return withTags(map[string]string{
		"name": c.Name, "destinationConfiguration": string(c.Destination.Type) + ":" + c.Destination.Name,
	}, c.Tags)
}

func roomMembers(r *chat.Room) map[string]string {
	members := map[string]string{
		"name": r.Name, "maximumMessageLength": fmt.Sprint(r.MaximumMessageLength),
		"maximumMessageRatePerSecond":     fmt.Sprint(r.MaximumMessageRatePerSecond),
		"loggingConfigurationIdentifiers": strings.Join(slices.Sorted(slices.Values(r.LoggingConfigurations)), ", "),
	}
	if h := r.MessageReviewHandler; h != nil {
		members["messageReviewHandler"] = strings.TrimSpace(h.URI + " " + string(h.FallbackResult))
	}
	return withTags(members, r.Tags)
}

func withTags(members, tags map[string]string) map[string]string {
	for k, v := range tags {
		// An empty value is not an absent one.
		members["tags."+k] = "=" + v
	}
	return members
}

// differ compares members. The list is not nil: it is printed as JSON.
func differ(now, then map[string]string) []plan.Difference {
	all := maps.Clone(now)
	maps.Copy(all, then)
	diff := []plan.Difference{}
	for _, member := range slices.Sorted(maps.Keys(all)) {
		if now[member] != then[member] {
			diff = plan.Differ(diff, member, strings.TrimPrefix(now[member], "="), strings.TrimPrefix(then[member], "="))
		}
	}
	return diff
}
