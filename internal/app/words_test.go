package app

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// unclear are words that readers have stumbled over in comments and documents, with what to
// write instead. A process, a connection and a room are "it".
var unclear = []struct {
	word    *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?i)\bwhoever\b`), "name the caller, the client or the node"},
	{regexp.MustCompile(`(?i)\b(nobody|somebody|anybody)\b`), `"no node", "a client", "any caller"`},
	{regexp.MustCompile(`(?i)\b(goes|go|going|went) on\b`), "continues"},
	{regexp.MustCompile(`(?i)\b(hears?|heard)\b`), "receives, is reachable"},
}

// meant are phrases that have such a word on purpose.
var meant = regexp.MustCompile("all, staff or\\s+nobody|`[^`]*`|\"[^\"]*\"")

// TestWords checks the comments of the product and the documents for words that are unclear.
func TestWords(t *testing.T) {
	check := func(path string, line int, text string) {
		text = meant.ReplaceAllString(text, "")
		for _, u := range unclear {
			if found := u.word.FindString(text); found != "" {
				t.Errorf("%s:%d: %q is unclear: %s", path, line, found, u.instead)
			}
		}
	}
	for _, top := range []string{"../../cmd", "../../internal"} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, c := range file.Comments {
				check(path, files.Position(c.Pos()).Line, c.Text())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md", "../cluster/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil || len(pages) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range pages {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(string(text), "\n") {
				check(path, i+1, line)
			}
		}
	}
}
