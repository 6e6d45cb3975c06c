package stories

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
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
