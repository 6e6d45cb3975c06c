// Package docs tests the documents: their links lead somewhere, and their commands work.
//
// The tests run every fenced block whose language is sh, all blocks of a document in one
// shell, against a server started with --dev. A block that cannot run here, because it needs
// root, a cluster or another account, has the language "sh example"; of its commands, only
// the names and options are checked, as of those that sentences name in backticks. Blocks of
// yaml are configuration files that the server must accept. A comment "# prints: TEXT" behind a command says what it
// prints. A block in another language whose first line is a comment with a file name, such as
// "// sign.mjs", is written to that file before the commands run.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// root is the top of the source tree.
const root = "../.."

// Page is a document.
type Page struct {
	Path   string   // relative to the top of the source tree
	Prose  []string // the lines outside of fenced blocks
	Blocks []Block
}

// Pages returns README.md, every page under docs and beside it, and the others
// that people read.
func Pages() ([]Page, error) {
	var pages []Page
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "internal/*/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			name, err := filepath.Rel(root, path)
			if err != nil {
				return nil, err
			}
			page, err := Read(name)
			if err != nil {
				return nil, err
			}
			pages = append(pages, page)
		}
	}
	return pages, nil
}

// Block is a fenced block of a document.
type Block struct {
	Language string // the whole info string
	Line     int    // of the opening fence, from 1
	Text     string
}

// Read reads the document at the path.
func Read(path string) (Page, error) {
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return Page{}, err
	}
	page := Page{Path: path}
	var open *Block
	for i, line := range strings.Split(string(data), "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			open = &Block{Language: fence, Line: i + 1}
		case isFence:
			page.Blocks, open = append(page.Blocks, *open), nil
		case open != nil:
			open.Text += line + "\n"
		default:
			page.Prose = append(page.Prose, line)
		}
	}
	return page, nil
}

var programName = regexp.MustCompile(`^(?:#|//) ([a-z]+\.(?:go|mjs|py))\n`)

// Programs returns the programs that the page shows, by the names of their files.
func (p Page) Programs() map[string]string {
	programs := map[string]string{}
	for _, b := range p.Blocks {
		if name := programName.FindStringSubmatch(b.Text); name != nil {
			programs[name[1]] = b.Text
		}
	}
	return programs
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}\p{M}_ -]`)

// Anchors returns the anchors of the page's headings, as GitHub makes them.
func (p Page) Anchors() map[string]bool {
	anchors := map[string]bool{}
	for _, line := range p.Prose {
		if title, isHeading := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); isHeading && strings.HasPrefix(line, "#") {
			text := notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			anchors[strings.ReplaceAll(text, " ", "-")] = true
		}
	}
	return anchors
}
