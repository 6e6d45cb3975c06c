package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"confab/internal/command"
	"confab/internal/plan"
)

// Planned is a plan that a command prints and carries out.
type Planned struct {
	*plan.Plan
	// Question is asked on a terminal before anything is changed. Verb is what the command does,
	// for the error of a plan that was stopped.
	Question, Verb string
	// Text is the plan for people, and Done the line of a step that was carried out; "" is none.
	Text string
	Done func(*plan.Step) string
	// Dry prints the plan only. Yes does not ask on a terminal.
	Dry, Yes bool
}

// Carry prints the plan and carries it out. In a table, each step is reported when it is done; in
// the other forms the plan is printed at the end, with what was done and the secrets of new
// resources. It returns how many steps changed something.
func (d *Planned) Carry(ctx context.Context, env command.Environment, p *command.Printer, out io.Writer) (n int, err error) {
	if p.Form == command.Table {
		if _, err := io.WriteString(out, d.Text); err != nil {
			return 0, err
		}
	}
	if !d.Dry && d.Changes() > 0 {
		if !d.Yes && command.IsTerminal(env.In) && command.IsTerminal(env.Out) {
			if p.Form != command.Table { // A plan is shown before it is agreed to.
				fmt.Fprint(env.Err, d.Text)
			}
			if err := command.Ask(ctx, env, d.Question); err != nil {
				return 0, err
			}
		}
		progress := command.NewProgress(env.Err)
		err = d.Do(ctx, func(s *plan.Step) {
			n++
			if line := d.Done(s); line != "" && p.Form == command.Table {
				progress.Done()
				fmt.Fprintln(out, line)
			}
			progress.Count(n, d.Changes(), "done")
		})
		progress.Done()
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("stopped after %d of %d changes; they stay, and the next %s makes the others", n, d.Changes(), d.Verb)
		}
	}
	if p.Form != command.Table {
		err = errors.Join(printPlan(p, d.Plan), err)
	}
	return n, err
}

func printPlan(p *command.Printer, of *plan.Plan) error {
	return p.List("steps", command.Objects(of.Steps), command.Column{Member: "action"}, command.Column{Member: "type"}, command.Column{Member: "name"}, command.Column{Show: identity})
}

// identity is the ARN of a step's resource, or its id if it has none.
func identity(o command.Object) string {
	for _, member := range []string{"arn", "id"} {
		if text, ok := o[member].(string); ok {
			return text
		}
	}
	return ""
}
