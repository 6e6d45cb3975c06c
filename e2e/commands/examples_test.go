package commands

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"confab/internal/cli"
	"confab/internal/pgtest"
	"confab/internal/testbed/process"
)

// preparations has what must be there before the examples of a command run.
var preparations = map[string]string{
	"confab room delete": `for name in old older oldest; do confab room create $name; done`,
	"confab room messages": `confab room tag demo confab:history=1h
confab send demo hello --as ann`,
	"confab tail": `confab room get lobby || confab room create lobby
confab room tag demo confab:history=1h
confab send demo hello --as ann`,
	"confab apply": `cat >rooms.yaml <<END
rooms: [{name: stage, maximumMessageRatePerSecond: 50, tags: {"confab:history": 24h}}]
END
cat >template.json <<END
{"Parameters": {"Bucket": {"Type": "String"}}, "Resources": {"Archive": {"Type": "AWS::IVSChat::LoggingConfiguration",
 "Properties": {"DestinationConfiguration": {"S3": {"BucketName": {"Ref": "Bucket"}}}}}}}
END`,
	"confab import": `confab room get moved-room || confab room create moved-room`,
	"confab delete-message": `confab room tag demo confab:history=1h
confab send demo 'buy this' --as troll`,
	"confab unban": `confab ban demo troll
confab ban all troll
confab mute demo --ip-range 203.0.113.0/24`,
	"confab webhook get":           anApp,
	"confab webhook update":        anApp,
	"confab webhook test":          anApp,
	"confab webhook rotate-secret": anApp,
	"confab webhook delete":        `for name in old older oldest; do confab webhook create $name https://example.com/ --event message.sent; done`,
	"confab filter get": `confab filter put demo insults --term idiot
confab filter put all spam --term scam`,
	"confab filter delete": `confab filter put demo insults --term idiot
confab filter put all spam --term scam
confab filter put demo numbers --term 12`,
	"confab credentials create": aPolicy,
	"confab credentials delete": aPolicy + `for name in moderator backend old older; do confab credentials create --name $name --policy chat.json || true; done`,
	"confab keys delete-signer": `for name in app mobile old older; do confab keys create-signer --name $name --rooms '*' --capabilities SEND_MESSAGE || true; done`,
	"confab config":             `echo 'quotas: aws' >confab.yaml`,
	"confab doctor machine":     `echo 'quotas: aws' >confab.yaml`,
	"confab serve": `echo 'quotas: aws' >confab.yaml
echo 'rooms: [{name: stage}]' >rooms.yaml`,
	"confab restart":          `echo 'pid-file: confab.pid' >confab.yaml`,
	"confab database copy":    `confab database migrate --data-dir chat`,
	"confab database migrate": `echo 'quotas: aws' >confab.yaml`,
	"confab logging check":    anArchive,
	"confab logging get":      anArchive,
	"confab logging delete":   `for name in old older oldest; do confab logging create $name --s3 chat-$name; done`,
}

// anApp makes the one webhook with the name app.
const anApp = `confab webhook get app || confab webhook create app https://app.invalid/ --event message.sent`

// anArchive makes the one logging configuration with the name archive.
const anArchive = `confab logging get archive || confab logging create archive --s3 chat-archive`

// aPolicy makes a file with a policy.
const aPolicy = `echo '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ivschat:*", "Resource": "*"}]}' >chat.json
`

// surroundings start what must run while the examples of a command run. They return variables of
// the environment of these.
var surroundings = map[string]func(t *testing.T, env []string, dir string) []string{
	"confab restart":          restartable,
	"confab database copy":    database,
	"confab database migrate": database,
	"confab serve": func(t *testing.T, _ []string, dir string) []string {
		if _, err := process.NewCertificate(dir); err != nil {
			t.Fatal(err)
		}
		return nil
	},
}

// database is an empty database of PostgreSQL.
func database(t *testing.T, _ []string, _ string) []string {
	return []string{"DATABASE_URL=" + pgtest.Shared(t).Database(t)}
}

// restartable is a server with a PID file.
func restartable(t *testing.T, env []string, dir string) []string {
	_, own := startServer(t, env, dir, "confab serve --dev --pid-file confab.pid")
	return own
}

// streams are the commands whose output as JSON has lines without an end, or is shown in part.
var streams = map[string]bool{"tail": true, "load": true}

// shellsOf run the examples that are for another shell than bash.
var shellsOf = map[string][]string{
	"confab completion zsh":  {"zsh", "-f", "-c", "autoload -Uz compinit; compinit -u -D\n"},
	"confab completion fish": {"fish", "--no-config", "-c", ""},
}

// findings are the commands that exit with status 1 if they have found something, which depends
// on the machine.
var findings = map[string]bool{"confab doctor machine": true}

// TestExamples runs the examples of the help of every command. Each has three. What an example
// prints as JSON is JSON.
func TestExamples(t *testing.T) {
	server := process.Serve(t, process.Options{})
	env := append(environment(t, server.Endpoint), "CONFAB_LOG_DESTINATIONS=local",
		"CONFAB_DATA_DIR="+server.DataDir, "CONFAB_LISTEN="+strings.TrimPrefix(server.Endpoint, "http://"))
	dir := t.TempDir()
	shell(t, env, dir, "confab room create demo")
	root := cli.NewRoot(cli.Environment{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	for _, cmd := range everyCommand(root) {
		t.Run(strings.ReplaceAll(cmd.CommandPath(), " ", "_"), func(t *testing.T) {
			lines := examples(cmd)
			if len(lines) != 3 {
				t.Errorf("%d examples, want 3", len(lines))
			}
			if onlyParent(cmd) {
				for _, line := range lines {
					if !slices.ContainsFunc(everyCommand(cmd)[1:], func(child *cobra.Command) bool { return slices.Contains(examples(child), line) }) {
						t.Errorf("%s is no example of its commands, which a test runs", line)
					}
				}
				return
			}
			if before := preparations[cmd.CommandPath()]; before != "" {
				shell(t, env, dir, before)
			}
			own := slices.Clone(env)
			if start := surroundings[cmd.CommandPath()]; start != nil {
				own = append(own, start(t, env, dir)...)
			}
			printed := 0
			for _, line := range lines {
				if strings.HasPrefix(line, "confab serve ") {
					serves(t, own, dir, line)
					continue
				}
				out := runExample(t, own, dir, cmd.CommandPath(), line)
				switch {
				case strings.HasSuffix(line, " -o json"):
					printed++
					if !json.Valid([]byte(out)) {
						t.Errorf("%s prints no JSON:\n%s", line, out)
					}
				case strings.HasSuffix(line, " -o jsonl"):
					printed++
					for item := range strings.Lines(out) {
						if !json.Valid([]byte(item)) {
							t.Errorf("%s prints a line that is no JSON: %s", line, item)
						}
					}
				}
			}
			if cmd.Flags().Lookup("output") != nil && printed == 0 && !streams[cmd.Name()] {
				t.Error("no example shows the output as JSON")
			}
		})
	}
}

// everyCommand returns a command and all below it.
func everyCommand(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, child := range cmd.Commands() {
		if !child.Hidden {
			all = append(all, everyCommand(child)...)
		}
	}
	return all
}

// onlyParent reports whether a command does nothing but print its help. Its examples are some of
// its subcommands'.
func onlyParent(cmd *cobra.Command) bool {
	return cmd.HasParent() && cmd.HasSubCommands() && !cmd.HasFlags()
}

// examples returns the lines of the examples of a command without those that are a comment.
func examples(cmd *cobra.Command) (lines []string) {
	for line := range strings.SplitSeq(cmd.Example, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// runExample runs a line and returns its standard output.
func runExample(t *testing.T, env []string, dir, command, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := []string{"bash", "-c", "set -euo pipefail\n"}
	if other := shellsOf[command]; other != nil {
		args = slices.Clone(other)
	}
	args[len(args)-1] += line
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Dir = env, dir
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 && findings[command] {
		err = nil
	}
	if err != nil {
		t.Errorf("%s\n%v\n%s%s", line, err, out.String(), errs.String())
	}
	return out.String()
}

// serves runs a line that starts a server until the server is asked to stop.
func serves(t *testing.T, env []string, dir, line string) {
	t.Helper()
	server, _ := startServer(t, env, dir, line)
	if strings.Contains(line, "--apply") {
		server.prints("Created room stage")
	}
	server.signal(syscall.SIGTERM)
	if status := server.ends(); status != 0 {
		t.Errorf("%s\nexit status %d\n%s", line, status, server.errs.String())
	}
}

// startServer runs a line that starts a server, with a port and a data directory of its own, and
// waits until it serves. It returns the variables that say where it is. If the server has a PID
// file, the end of the test stops the process that is named there.
func startServer(t *testing.T, env []string, dir, line string) (server *background, own []string) {
	t.Helper()
	address, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own = []string{"CONFAB_LISTEN=" + address, "CONFAB_ADMIN_LISTEN=off", "CONFAB_DATA_DIR=" + t.TempDir()}
	if !strings.Contains(line, "--dev") {
		own = append(own, "CONFAB_ROOT_ACCESS_KEY_ID="+process.AccessKeyID, "CONFAB_ROOT_SECRET_ACCESS_KEY="+process.SecretAccessKey)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, "bash", "-c", "exec "+line)
	cmd.Env, cmd.Dir = slices.Concat(env, own), dir
	server = startBackground(t, cmd, cancel)
	t.Cleanup(func() {
		if pid, err := os.ReadFile(filepath.Join(dir, "confab.pid")); err == nil {
			if n, err := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil {
				_ = syscall.Kill(n, syscall.SIGTERM) // It may have ended.
			}
			server.ends()
		}
	})
	server.logs("Serving")
	return server, own
}
