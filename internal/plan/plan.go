// Package plan has the plan that a command shows before it changes anything: each resource,
// what is done with it, and the members that differ. It also carries the plan out.
package plan

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Action is what a plan does with a resource.
type Action string

// The actions.
const (
	Create Action = "create"
	Change Action = "change"
	Keep   Action = "keep"
	Delete Action = "delete"
)

// Step is one resource of a plan. What identifies a new resource is known once it was
// created.
type Step struct {
	Action Action `json:"action"`
	Kind   string `json:"type"`
	Name   string `json:"name"`
	ARN    string `json:"arn,omitzero"`
	// ID identifies a resource that has no ARN.
	ID string `json:"id,omitzero"`
	// Secret is the secret of a new resource, which is shown once.
	Secret string `json:"secret,omitzero"`
	// Done is set when the step was carried out.
	Done bool         `json:"done,omitzero"`
	Diff []Difference `json:"diff"`

	do Do
}

// Do carries a step out. It sets what identifies the resource.
type Do func(ctx context.Context, s *Step) error

// Difference is a member that differs.
type Difference struct {
	Member string `json:"member"`
	From   string `json:"from"`
	To     string `json:"to"`
}

// Differ appends a difference, if there is one.
func Differ(diff []Difference, member, from, to string) []Difference {
	if from == to {
		return diff
	}
	return append(diff, Difference{member, from, to})
}

// Plan is a list of steps, in the order in which they are carried out.
type Plan struct {
	Steps []*Step
}

// Put adds a step that makes a resource, or changes it if members differ.
func (p *Plan) Put(s Step, exists bool, do Do) {
	s.Action, s.do = Change, do
	switch {
	case !exists:
		s.Action = Create
	case len(s.Diff) == 0:
		s.Action = Keep
	}
	p.Steps = append(p.Steps, &s)
}

// Remove adds a step that deletes a resource.
func (p *Plan) Remove(s Step, do Do) {
	s.Action, s.do = Delete, do
	p.Steps = append(p.Steps, &s)
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

// lastStep is how long a step may take after the end of the context.
const lastStep = 5 * time.Second

// Do carries the plan out, and calls done after each step that changed something. It ends at
// the first error, or at the end of ctx. A step that is under way then may complete, so that
// it is known whether it was done, and its secret is not lost.
func (p *Plan) Do(ctx context.Context, done func(*Step)) error {
	for _, s := range p.Steps {
		if s.Action == Keep {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := s.carryOut(ctx); err != nil {
			return fmt.Errorf("%s: %w; what was done before stays, and the next run continues", s, err)
		}
		s.Done = true
		done(s)
	}
	return nil
}

func (s *Step) carryOut(ctx context.Context) error {
	step, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		late := time.AfterFunc(lastStep, cancel)
		context.AfterFunc(step, func() { late.Stop() })
	})()
	return s.do(step, s)
}

// String names the step.
func (s *Step) String() string {
	text := fmt.Sprintf("%s %s %q", s.Action, s.Kind, s.Name)
	if s.ARN != "" {
		text += " " + s.ARN
	}
	return text
}

// signs stand before the steps of a plan.
var signs = map[Action]string{Create: "+", Change: "~", Keep: "=", Delete: "-"}

// Text returns the step as a plan shows it: the name, then the differences. clean removes
// characters that a terminal must not get.
func (s *Step) Text(name string, clean func(string) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\n", signs[s.Action], s.Kind, clean(name))
	for _, d := range s.Diff {
		if s.Action == Create {
			fmt.Fprintf(&b, "    %s: %s\n", clean(d.Member), clean(d.To))
			continue
		}
		fmt.Fprintf(&b, "    %s: %q → %q\n", clean(d.Member), clean(d.From), clean(d.To))
	}
	return b.String()
}
