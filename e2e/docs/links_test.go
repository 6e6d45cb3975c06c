package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// widest is the longest line of prose, in characters.
const widest = 120

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code = regexp.MustCompile("`[^`]*`")
)

func TestLinks(t *testing.T) {
	for _, page := range pages(t) {
		for _, line := range page.Prose {
			for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
				checkLink(t, page.Path, m[1])
			}
		}
	}
}

func checkLink(t *testing.T, page, target string) {
	t.Helper()
	if strings.Contains(target, "://") {
		return
	}
	path, anchor, _ := strings.Cut(target, "#")
	to := page
	if path != "" {
		to = filepath.Join(filepath.Dir(page), path)
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil {
		t.Errorf("%s links to %s, which does not exist", page, target)
		return
	}
	if anchor == "" {
		return
	}
	linked, err := Read(to)
	if err != nil {
		t.Fatal(err)
	}
	if !linked.Anchors()[anchor] {
		t.Errorf("%s links to %s, but %s has no such heading", page, target, to)
	}
}

// TestLines holds that prose can be read in a terminal.
func TestLines(t *testing.T) {
	for _, page := range pages(t) {
		if strings.HasPrefix(page.Prose[0], "<!-- Generated") {
			continue // Their sentences are comments of the code, one a line.
		}
		for _, line := range page.Prose {
			if n := utf8.RuneCountInString(line); n > widest && !strings.HasPrefix(strings.TrimSpace(line), "|") {
				t.Errorf("%s has a line of %d characters, above %d: %s…", page.Path, n, widest, line[:60])
			}
		}
	}
}
