package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"confab/internal/apply"
	"confab/internal/command"
	"confab/internal/plan"
)

func newApply(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Make the rooms, logging configurations, filters, webhooks and bans that a file describes",
		Long: `Compare the file with the server, print a plan, and carry it out. Applied again, it changes
nothing. On a terminal it asks before it changes anything.

The file is YAML with the lists rooms, loggingConfigurations, filters, webhooks and bans, whose items
have the members of CreateRoom, CreateLoggingConfiguration, PutContentFilter, CreateWebhook and
CreateBan, or a CloudFormation template (YAML or JSON), of which it takes the resources
AWS::IVSChat::Room and AWS::IVSChat::LoggingConfiguration, with Ref and Fn::GetAtt. Names stand for
ARNs. Objects are found by their names, filters by room and name, bans by room, type and user or
range. A resource of a template without Name has its logical id. Members that the file does not name
stay as they are; filters and bans are replaced as a whole. The secret of a new webhook is printed
once.

The rooms and logging configurations that apply makes have the tag managed-by=confab-apply:SET.
--prune deletes what has the tag and is not in the file. Filters, webhooks and bans have no tags, so
nothing tells which of them apply made, and --prune leaves them; those of a room that it deletes end
with the room.`,
		Example: command.Examples(
			"confab apply -f rooms.yaml --dry-run",
			"confab apply -f rooms.yaml --set chat --prune",
			"confab apply -f template.json --parameter Bucket=chat-archive -o json",
		),
		Args: command.NoArgs,
	}
	f := command.NewFlags(cmd, env)
	flags := cmd.Flags()
	file := flags.StringP("file", "f", "", "`FILE` to apply; - is standard input.")
	command.Offer(cmd, "file")
	set := flags.String("set", "", "`SET` that what is made belongs to; default the name of the file.")
	parameters := flags.StringArray("parameter", nil, "Parameter of a template as `KEY=VALUE`; may be repeated.")
	prune := flags.Bool("prune", false, "Delete what the set made before and the file does not have.")
	dry := flags.Bool("dry-run", false, "Print the plan only.")
	yes := flags.Bool("yes", false, "Do not ask.")
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, _ []string) error {
		ctx, stop := command.Interruptible(ctx)
		defer stop()
		s, name, err := readSet(env.In, *file, *set, *parameters)
		if err != nil {
			return err
		}
		for _, left := range s.Left {
			fmt.Fprintf(cmd.ErrOrStderr(), "confab: not applied: %s\n", command.Plain(left))
		}
		todo, err := apply.Make(ctx, api, name, s, *prune)
		if ctx.Err() != nil {
			return errors.New("stopped; nothing was done")
		}
		if err != nil {
			return err
		}
		planned := Planned{Plan: &todo.Plan, Question: "Apply this plan?", Verb: "apply", Text: planText(todo), Done: doneText, Dry: *dry, Yes: *yes}
		_, err = planned.Carry(ctx, env, p, cmd.OutOrStdout())
		return err
	})
	return cmd
}

// readSet reads a file, and names its set.
func readSet(in io.Reader, file, set string, parameters []string) (*apply.Set, string, error) {
	pairs, err := command.Pairs("--parameter", parameters)
	if err != nil {
		return nil, "", err
	}
	if file == "" {
		return nil, "", command.Usagef("--file is missing: it names the file to apply; - is standard input")
	}
	if set == "" {
		if set = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)); file == "-" {
			return nil, "", command.Usagef("--set is missing: standard input has no name")
		}
	}
	text, err := command.ReadFile(in, "--file", file)
	if err != nil {
		return nil, "", err
	}
	s, err := apply.Parse(text, pairs)
	if err != nil {
		return nil, "", command.Usagef("--file %s: %v", file, err)
	}
	return s, set, nil
}

var done = map[plan.Action]string{plan.Create: "Created", plan.Change: "Changed", plan.Delete: "Deleted"}

// doneText is the line of a step that was carried out.
func doneText(s *plan.Step) string {
	line := fmt.Sprintf("%s %s %s %s", done[s.Action], s.Kind, command.Plain(s.Name), s.ARN+s.ID)
	if s.Secret != "" {
		line += "\n    secret: " + s.Secret
	}
	return strings.TrimRight(line, " ")
}

func planText(p *apply.Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		b.WriteString(s.Text(s.Name, command.Plain))
	}
	fmt.Fprintf(&b, "Plan: %d to create, %d to change, %d to delete, %d to keep\n",
		p.Count(plan.Create), p.Count(plan.Change), p.Count(plan.Delete), p.Count(plan.Keep))
	return b.String()
}

// ApplyDev applies a file to a server with --dev, and reports what it changed.
func ApplyDev(ctx context.Context, api *command.API, file string, report func(string)) error {
	s, name, err := readSet(nil, file, "", nil)
	if err != nil {
		return err
	}
	todo, err := apply.Make(ctx, api, name, s, false)
	if err != nil {
		return err
	}
	return todo.Do(ctx, func(s *plan.Step) { report(doneText(s)) })
}
