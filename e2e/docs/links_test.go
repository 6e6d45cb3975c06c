package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code = regexp.MustCompile("`[^`]*`")
)

func TestLinks(t *testing.T) {
	pages, err := Documents()
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		prose, _, err := Read(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range prose {
			for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
				checkLink(t, page, m[1])
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
	prose, _, err := Read(to)
	if err != nil {
		t.Fatal(err)
	}
	if !Anchors(prose)[anchor] {
		t.Errorf("%s links to %s, but %s has no such heading", page, target, to)
	}
}
