package awsimport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"confab/internal/chat"
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

// Action is what a step does.
type Action string

// The actions.
const (
	Create Action = "create"
	Change Action = "change"
	Keep   Action = "keep"
)

// Step is one resource.
type Step struct {
	Action Action       `json:"action"`
	Kind   string       `json:"type"`
	Name   string       `json:"name"`
	ARN    string       `json:"arn"`
	Diff   []Difference `json:"diff"`

	do func(context.Context) error
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
}

// Make compares a source with a database. What only the database has is left alone.
func Make(ctx context.Context, s *Source, db Store) (*Plan, error) {
	p := &Plan{}
	for _, want := range s.LoggingConfigurations {
		if err := p.planLogging(ctx, want, db); err != nil {
			return nil, err
		}
	}
	for _, want := range s.Rooms {
		if err := p.planRoom(ctx, want, db); err != nil {
			return nil, err
		}
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
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s %s %s: %w; what was done before stays, and the next import continues", s.Action, s.Kind, s.ARN, err)
		}
		done(s)
	}
	return nil
}

func (p *Plan) planLogging(ctx context.Context, want *chat.LoggingConfiguration, db Store) error {
	have, err := db.LoggingConfiguration(ctx, want.ARN.ID)
	if missing(err) {
		have, err = nil, nil
	}
	if err != nil {
		return err
	}
	now := map[string]string{}
	if have != nil {
		now = loggingMembers(have)
	}
	p.step("logging configuration", want.Name, want.ARN, have != nil, differ(now, loggingMembers(want)), func(ctx context.Context) error {
		if have == nil {
			return db.CreateLoggingConfiguration(ctx, want, 0)
		}
		_, err := db.UpdateLoggingConfiguration(ctx, want.ARN.ID, func(c *chat.LoggingConfiguration) error {
			c.Name, c.Destination, c.Tags = want.Name, want.Destination, want.Tags
			return nil
		})
		return err
	})
	return nil
}

func (p *Plan) planRoom(ctx context.Context, want *chat.Room, db Store) error {
	have, err := db.Room(ctx, want.ARN.ID)
	if missing(err) {
		have, err = nil, nil
	}
	if err != nil {
		return err
	}
	now := map[string]string{}
	if have != nil {
		now = roomMembers(have)
	}
	p.step("room", want.Name, want.ARN, have != nil, differ(now, roomMembers(want)), func(ctx context.Context) error {
		if have == nil {
			return db.CreateRoom(ctx, want, 0)
		}
		_, err := db.UpdateRoom(ctx, want.ARN.ID, func(r *chat.Room) error {
			r.Name, r.Tags = want.Name, want.Tags
			r.MaximumMessageLength, r.MaximumMessageRatePerSecond = want.MaximumMessageLength, want.MaximumMessageRatePerSecond
			r.MessageReviewHandler, r.LoggingConfigurations = want.MessageReviewHandler, want.LoggingConfigurations
			return nil
		})
		return err
	})
	return nil
}

func (p *Plan) step(kind, name string, arn chat.ARN, exists bool, diff []Difference, do func(context.Context) error) {
	s := &Step{Action: Change, Kind: kind, Name: name, ARN: arn.String(), Diff: diff, do: do}
	switch {
	case !exists:
		s.Action = Create
	case len(diff) == 0:
		s.Action = Keep
	}
	p.Steps = append(p.Steps, s)
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

func differ(now, then map[string]string) []Difference {
	all := maps.Clone(now)
	maps.Copy(all, then)
	diff := []Difference{}
	for _, member := range slices.Sorted(maps.Keys(all)) {
		if now[member] != then[member] {
			diff = append(diff, Difference{member, strings.TrimPrefix(now[member], "="), strings.TrimPrefix(then[member], "=")})
		}
	}
	return diff
}

// missing reports whether an error is that a resource does not exist.
func missing(err error) bool {
	e, ok := errors.AsType[*chat.Error](err)
	return ok && e.Code == chat.NotFound
}
