package docs

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

func TestMain(m *testing.M) { process.Exit(m.Run()) }

// documented is the address in the documents, where a server started with --dev
// listens.
const documented = "127.0.0.1:8080"

// model is the service model of the operations that Confab adds.
const model = "internal/extension/service-2.json"

// The longest that a server takes to start, and a document's commands to run
// with a compiler's cold cache.
const (
	startTime = 30 * time.Second
	runTime   = 4 * time.Minute
)

// pages reads all documents.
func pages(t *testing.T) []Page {
	t.Helper()
	all, err := Pages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checked are the languages of blocks that a test runs or reads: see TestCommands and TestData.
// A text is nothing that could be wrong by itself.
var checked = map[string]bool{"sh": true, "yaml": true, "json": true, "text": true}

// TestLanguages checks that each block is tested, or says that it is an example.
func TestLanguages(t *testing.T) {
	for _, page := range pages(t) {
		for _, b := range page.Blocks {
			language, example := strings.CutSuffix(b.Language, " example")
			if !example && !checked[language] && programName.FindString(b.Text) == "" || example && language == "" {
				t.Errorf("%s:%d: no test reads a block in %q: commands are \"sh\" when a test can run them, a program begins with a comment that has its file's name, what is no code is \"text\", and the rest has \" example\" behind its language", page.Path, b.Line, b.Language)
			}
		}
	}
}

// TestCommands runs the commands of each document.
func TestCommands(t *testing.T) {
	for _, page := range pages(t) {
		var commands []Block
		for _, b := range page.Blocks {
			if b.Language == "sh" {
				commands = append(commands, b)
			}
		}
		if len(commands) > 0 {
			t.Run(page.Path, func(t *testing.T) { runAll(t, commands, page.Programs()) })
		}
	}
}

// runAll runs blocks in one shell, beside a server of their own and the programs that the
// document shows. The shell has what documents expect of a reader who followed "Get started":
// the variables that the server prints, ROOM_ARN for the room "demo", and the service model of
// the operations that Confab adds.
func runAll(t *testing.T, blocks []Block, programs map[string]string) {
	address, roomARN, home := serveDev(t)
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(home, name), []byte(strings.ReplaceAll(text, documented, address)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var script strings.Builder
	// An AWS CLI that is too old for AWS_ENDPOINT_URL_IVSCHAT takes a flag.
	script.WriteString("set -euo pipefail\naws() { command aws --endpoint-url \"$AWS_ENDPOINT_URL_IVSCHAT\" \"$@\"; }\n")
	for _, b := range blocks {
		script.WriteString(strings.ReplaceAll(b.Text, documented, address))
	}
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(home, "bin")+":"+os.Getenv("PATH"), "AWS_PAGER=",
		"CONFAB_ACCOUNT_ID=000000000000", // That of --dev, for commands in the server's environment.
		"AWS_ENDPOINT_URL_IVSCHAT=http://"+address, "AWS_REGION=us-west-2", "AWS_DEFAULT_REGION=us-west-2",
		"AWS_ACCESS_KEY_ID=AKIDCONFABDEV0000001", "AWS_SECRET_ACCESS_KEY=confab-dev-secret-key-not-for-production",
		"AWS_DATA_PATH="+filepath.Join(home, "models"), "ROOM_ARN="+roomARN)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script.String(), out)
	}
	for _, b := range blocks {
		for line := range strings.Lines(b.Text) {
			if _, want, says := strings.Cut(line, "# prints: "); says && !bytes.Contains(out, []byte(strings.TrimSpace(want))) {
				t.Errorf("the commands did not print %q:\n%s", strings.TrimSpace(want), out)
			}
		}
	}
}

// serveDev starts a server with --dev, as a developer does, in a directory that
// looks like the source tree: it has the examples, confab in bin, and its service model.
func serveDev(t *testing.T) (address, roomARN, home string) {
	t.Helper()
	binary, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	home = t.TempDir()
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(home, "models/confab/2026-12-01"), 0o755); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{"bin/confab": binary, "models/confab/2026-12-01/service-2.json": filepath.Join(top, model)}
	for _, name := range []string{"go.mod", "go.sum", "examples", "cmd", "internal"} {
		links[name] = filepath.Join(top, name)
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), binary, "serve", "--dev", "--listen", "127.0.0.1:0", "--admin-listen", "off",
		"--data-dir", filepath.Join(home, "confab-data"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = startTime
	var log process.Buffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // It may have ended.
		cmd.Wait()                       //nolint:errcheck // The commands have failed by themselves if it ended early.
		if t.Failed() {
			t.Log(log.String())
		}
	})
	found := make(chan []string, 1)
	go func() {
		defer close(found)
		var printed string
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			printed += lines.Text() + "\n"
			if m := printedByDev.FindStringSubmatch(printed); m != nil {
				found <- m
				io.Copy(io.Discard, stdout) //nolint:errcheck // What else it prints is not needed.
			}
		}
	}()
	var printed []string
	select {
	case printed = <-found:
	case <-time.After(startTime):
	}
	if printed == nil {
		t.Fatal(fmt.Sprintf("the server did not print its address and a room within %s", startTime), log.String())
	}
	return printed[1], printed[2], home
}

// printedByDev finds the address and the ARN of the room in what a server with --dev prints.
var printedByDev = regexp.MustCompile(`(?s)AWS_ENDPOINT_URL_IVSCHAT=http://(\S+)\n.*--room-identifier (\S+)`)
