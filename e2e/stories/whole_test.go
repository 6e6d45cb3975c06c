package stories

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"confab/internal/cli"
)

// endsStory is a command of testscript that ends a story as passed, whatever follows.
var endsStory = regexp.MustCompile(`(?m)^\s*stop\b(?: |$)`)

// TestStoriesRunToTheirEnd looks for the built-in command stop, which reads like a command
// that stops a server.
func TestStoriesRunToTheirEnd(t *testing.T) {
	names, err := filepath.Glob("*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no stories", err)
	}
	for _, name := range names {
		story, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := bytes.Cut(story, []byte("\n-- ")) // Files follow the script.
		if at := endsStory.FindIndex(script); at != nil {
			t.Errorf("%s:%d: stop ends the story; terminate ends a server", name, 1+bytes.Count(script[:at[1]], []byte("\n")))
		}
	}
}

// TestStoriesOfCommands holds that each command is in a story.
func TestStoriesOfCommands(t *testing.T) {
	names, err := filepath.Glob("*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		story, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(story)
	}
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, child := range cmd.Commands() {
			check(child)
		}
		if cmd.Hidden || cmd.HasSubCommands() && !cmd.HasFlags() {
			return
		}
		if !regexp.MustCompile(cmd.CommandPath() + `\b`).MatchString(all.String()) {
			t.Errorf("no story has %s", cmd.CommandPath())
		}
	}
	check(cli.NewRoot(cli.Environment{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}))
}
