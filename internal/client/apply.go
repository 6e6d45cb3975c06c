package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"confab/internal/apply"
	"confab/internal/command"
)

// largestFile bounds a file of apply.
const largestFile = 4 << 20

func newApply(env command.Environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Make the rooms, logging configurations and filters that a file describes",
		Long: `Compare the file with the server, print a plan, and carry it out. Applied again, it changes
nothing. On a terminal it asks before it changes anything.

The file is YAML with the lists rooms, loggingConfigurations and filters, whose items have the
members of CreateRoom, CreateLoggingConfiguration and PutContentFilter, or a CloudFormation template (YAML or JSON), of
which it takes the resources AWS::IVSChat::Room and AWS::IVSChat::LoggingConfiguration, with
Ref and Fn::GetAtt. Names stand for ARNs. Objects are found by their names; a resource of a
template without Name has its logical id. Members that the file does not name stay as they are.

What apply makes has the tag managed-by=confab-apply:SET. --prune deletes what has the tag and
is not in the file. Filters have no tags, and stay until confab filter delete.`,
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
	set := flags.String("set", "", "`SET` that what is made belongs to; default the name of the file.")
	parameters := flags.StringArray("parameter", nil, "Parameter of a template as `KEY=VALUE`; may be repeated.")
	prune := flags.Bool("prune", false, "Delete what the set made before and the file does not have.")
	dry := flags.Bool("dry-run", false, "Print the plan only.")
	yes := flags.Bool("yes", false, "Do not ask.")
	f.Run(cmd, func(ctx context.Context, api *command.API, p *command.Printer, _ []string) error {
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		s, name, err := readSet(env.In, *file, *set, *parameters)
		if err != nil {
			return err
		}
		for _, left := range s.Left {
			fmt.Fprintf(cmd.ErrOrStderr(), "confab: not applied: %s\n", command.Plain(left))
		}
		plan, err := apply.Make(ctx, api, name, s, *prune)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if p.Form == command.Table {
			if _, err := io.WriteString(out, planText(plan)); err != nil {
				return err
			}
		}
		if !*dry && plan.Changes() > 0 {
			if !*yes && command.IsTerminal(env.In) && command.IsTerminal(env.Out) {
				if err := ask(env, "Apply this plan?"); err != nil {
					return err
				}
			}
			if err := plan.Do(ctx, func(s *apply.Step) {
				if p.Form == command.Table {
					fmt.Fprintf(out, "%s %s %s %s\n", done[s.Action], s.Kind, command.Plain(s.Name), s.ARN)
				}
			}); err != nil {
				return err
			}
		}
		if p.Form == command.Table {
			return nil
		}
		return printPlan(p, plan)
	})
	return cmd
}

// ask asks a question on the terminal; no answer is no.
func ask(env command.Environment, question string) error {
	fmt.Fprintf(env.Err, "%s [y/N] ", question)
	line, err := bufio.NewReader(env.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return errors.New("nothing was done")
	}
	return nil
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
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, "", command.Usagef("--file: %v", err)
		}
		defer opened.Close()
		in = opened
	}
	text, err := command.ReadAll(in, largestFile, "--file "+file)
	if err != nil {
		return nil, "", err
	}
	s, err := apply.Parse(text, pairs)
	if err != nil {
		return nil, "", command.Usagef("--file %s: %v", file, err)
	}
	return s, set, nil
}

var (
	signs = map[apply.Action]string{apply.Create: "+", apply.Change: "~", apply.Keep: "=", apply.Delete: "-"}
	done  = map[apply.Action]string{apply.Create: "Created", apply.Change: "Changed", apply.Delete: "Deleted"}
)

func planText(plan *apply.Plan) string {
	var b strings.Builder
	for _, s := range plan.Steps {
		fmt.Fprintf(&b, "%s %s %s\n", signs[s.Action], s.Kind, command.Plain(s.Name))
		for _, d := range s.Diff {
			if s.Action == apply.Create {
				fmt.Fprintf(&b, "    %s: %s\n", command.Plain(d.Member), command.Plain(d.To))
				continue
			}
			fmt.Fprintf(&b, "    %s: %q → %q\n", command.Plain(d.Member), command.Plain(d.From), command.Plain(d.To))
		}
	}
	fmt.Fprintf(&b, "Plan: %d to create, %d to change, %d to delete, %d to keep\n",
		plan.Count(apply.Create), plan.Count(apply.Change), plan.Count(apply.Delete), plan.Count(apply.Keep))
	return b.String()
}

func printPlan(p *command.Printer, plan *apply.Plan) error {
	items := make([]command.Object, len(plan.Steps))
	for i, s := range plan.Steps {
		items[i] = command.Members(s)
	}
	return p.List("steps", items, command.Column{Member: "action"}, command.Column{Member: "type"}, command.Column{Member: "name"}, command.Column{Member: "arn"})
}

// ApplyDev applies a file to a server with --dev, and reports what it changed.
func ApplyDev(ctx context.Context, api *command.API, file string, report func(string)) error {
	s, name, err := readSet(nil, file, "", nil)
	if err != nil {
		return err
	}
	plan, err := apply.Make(ctx, api, name, s, false)
	if err != nil {
		return err
	}
	return plan.Do(ctx, func(s *apply.Step) {
		report(fmt.Sprintf("%s %s %s %s", done[s.Action], s.Kind, command.Plain(s.Name), s.ARN))
	})
}
