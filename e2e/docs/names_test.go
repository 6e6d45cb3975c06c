package docs

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"confab/internal/testbed/process"
)

var (
	codeSpan   = regexp.MustCompile("`([^`]+)`")
	spanConfab = regexp.MustCompile(`^confab ([a-z][^|<…]*)$`)
	spanMake   = regexp.MustCompile(`(?:^|&& )make ([a-z][a-z0-9-]*)`)
	goPackage  = regexp.MustCompile(`\bgo (?:run|build|test|generate) (?:[^|;#\n]*\s)?(\./[a-z0-9_/]+)`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
)

// TestNamedCommands checks the commands that sentences and tables name in backticks, and those
// for developers in blocks that TestCommands does not run: the commands and options of confab,
// the targets of make, and the packages that go is to run exist.
func TestNamedCommands(t *testing.T) {
	binary, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	forDevelopers := func(t *testing.T, page, text string) {
		t.Helper()
		for _, m := range spanMake.FindAllStringSubmatch(text, -1) {
			if !targets[m[1]] {
				t.Errorf("%s names %q, and the Makefile has no such target", page, m[0])
			}
		}
		for _, m := range goPackage.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names %q: %v", page, m[0], err)
			}
		}
	}
	asked := map[string]bool{}
	for _, page := range pages(t) {
		if page.Path == "CHANGELOG.md" {
			continue // It names what earlier releases had.
		}
		for _, m := range codeSpan.FindAllStringSubmatch(strings.Join(page.Prose, "\n"), -1) {
			span := strings.ReplaceAll(m[1], "\n", " ")
			forDevelopers(t, page.Path, span)
			if m := spanConfab.FindStringSubmatch(span); m != nil && !asked[m[1]] {
				asked[m[1]] = true
				args := append(strings.Fields(m[1]), "--help")
				if out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput(); err != nil {
					t.Errorf("%s names %q: %v\n%s", page.Path, m[0], err, out)
				}
			}
		}
		for _, b := range page.Blocks {
			if b.Language == "sh example" {
				for line := range strings.Lines(b.Text) {
					forDevelopers(t, page.Path, strings.TrimSpace(line))
				}
			}
		}
	}
	if len(asked) < 20 {
		t.Errorf("only %d commands of confab found", len(asked))
	}
}

// TestData checks the blocks that are not commands: a block of the language yaml is a
// configuration file that the server accepts, and one of the language json is JSON. What is
// neither, such as a part of another program's file, has "example" behind its language.
func TestData(t *testing.T) {
	binary, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages(t) {
		for _, b := range page.Blocks {
			switch b.Language {
			case "yaml":
				path := filepath.Join(t.TempDir(), "confab.yaml")
				if err := os.WriteFile(path, []byte(b.Text), 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := exec.CommandContext(t.Context(), binary, "config", "--config", path).CombinedOutput(); err != nil {
					t.Errorf("%s:%d: %v\n%s", page.Path, b.Line, err, out)
				}
			case "json":
				d := json.NewDecoder(strings.NewReader(b.Text))
				for {
					var value any
					if err := d.Decode(&value); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Errorf("%s:%d: %v", page.Path, b.Line, err)
						break
					}
				}
			}
		}
	}
}
