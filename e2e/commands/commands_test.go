// Package commands tests the commands that are clients of the API, as a user types them: the
// examples of their help, terminals, load, and faults of the connection to the server.
package commands

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"confab/internal/cli"
	"confab/internal/testbed/process"
)

// runConfab in the environment makes a process of this test the program.
const runConfab = "COMMANDS_RUN_CONFAB"

func TestMain(m *testing.M) {
	if os.Getenv(runConfab) != "" {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // As in cmd/confab.
		os.Exit(cli.Run(os.Args[1:], cli.Environment{
			Variables: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		}))
	}
	process.Exit(m.Run())
}

// environment is that of a shell that has confab and knows a server.
func environment(t *testing.T, endpoint string) []string {
	t.Helper()
	bin := t.TempDir()
	script := "#!/bin/sh\n" + runConfab + "=1 exec '" + os.Args[0] + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "confab"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"AWS_ENDPOINT_URL_IVSCHAT=" + endpoint, "AWS_REGION=" + process.Region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + process.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + process.SecretAccessKey,
	}
}

// shell runs a script and returns what it printed.
func shell(t *testing.T, env []string, dir, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+script)
	cmd.Env, cmd.Dir = env, dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s\n%v\n%s", script, err, out)
	}
	return string(out)
}

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
	"confab logging get":        `confab logging create archive --s3 chat-archive`,
	"confab logging delete":     `for name in old older oldest; do confab logging create $name --s3 chat-$name; done`,
}

// anApp makes the one webhook with the name app.
const anApp = `confab webhook get app || confab webhook create app https://app.invalid/ --event message.sent`

// streams are the commands whose output as JSON has lines without an end, or is shown in part.
var streams = map[string]bool{"tail": true, "load": true}

// local are commands of the server's machine whose examples run as well: those that end, and open
// nothing but the database of the server.
var local = []string{
	"confab token inspect", "confab credentials create", "confab credentials list", "confab credentials delete",
	"confab keys rotate", "confab keys create-signer", "confab keys list-signers", "confab keys delete-signer",
	"confab config", "confab healthcheck",
}

// aPolicy makes a file with a policy.
const aPolicy = `echo '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ivschat:*", "Resource": "*"}]}' >chat.json
`

// TestExamples runs the examples of the help of each client command, and of local ones. Each has
// three. What an example prints as JSON is JSON.
func TestExamples(t *testing.T) {
	server := process.Serve(t, process.Options{})
	env := append(environment(t, server.Endpoint),
		"CONFAB_DATA_DIR="+server.DataDir, "CONFAB_LISTEN="+strings.TrimPrefix(server.Endpoint, "http://"))
	dir := t.TempDir()
	shell(t, env, dir, "confab room create demo")
	root := cli.NewRoot(cli.Environment{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard})
	for _, cmd := range append(clients(root), find(t, root, local)...) {
		t.Run(strings.ReplaceAll(cmd.CommandPath(), " ", "_"), func(t *testing.T) {
			if before := preparations[cmd.CommandPath()]; before != "" {
				shell(t, env, dir, before)
			}
			n, printed := 0, 0
			for line := range strings.SplitSeq(cmd.Example, "\n") {
				if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				n++
				out := shell(t, env, dir, line)
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
			if n != 3 {
				t.Errorf("%d examples, want 3", n)
			}
			if cmd.Flags().Lookup("output") != nil && printed == 0 && !streams[cmd.Name()] {
				t.Error("no example shows the output as JSON")
			}
		})
	}
}

// find returns the commands with these paths.
func find(t *testing.T, root *cobra.Command, paths []string) []*cobra.Command {
	t.Helper()
	var all []*cobra.Command
	for _, path := range paths {
		cmd, rest, err := root.Find(strings.Fields(path)[1:])
		if err != nil || len(rest) > 0 {
			t.Fatalf("%s is no command", path)
		}
		all = append(all, cmd)
	}
	return all
}

// clients returns the commands that are clients of the API: those that have --endpoint
// and --profile.
func clients(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	if cmd.Flags().Lookup("profile") != nil {
		all = append(all, cmd)
	}
	for _, child := range cmd.Commands() {
		all = append(all, clients(child)...)
	}
	return all
}
