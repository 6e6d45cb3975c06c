package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	codeSpan  = regexp.MustCompile("`([^`]+)`")
	qualified = regexp.MustCompile(`^([a-z0-9]+)\.([A-Za-z.]+)$`)
	goFile    = regexp.MustCompile(`^([a-z0-9]+)/([a-z0-9_]+\.go)$`)
	treeEntry = regexp.MustCompile("(?m)^\\| `(internal/[a-z0-9]+)` \\|")
)

// walkFiles bounds the files that a reader of a walk has to open: those of the functions that
// it names. The second walk is the first one and what several nodes add, without the calls
// that a node makes to itself.
var walkFiles = []struct {
	heading string
	without string // a file of the first walk
	most    int
}{
	{heading: "**SEND_MESSAGE on one node**", most: 16},
	{heading: "**SEND_MESSAGE on several nodes.**", without: "messaging/local.go", most: 22},
}

// TestArchitecture holds ARCHITECTURE.md against the code: its tree has each package, and
// what it names in backticks exists: package.Function, package.Type.method, package/file.go.
func TestArchitecture(t *testing.T) {
	data, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	listed := map[string]bool{}
	for _, m := range treeEntry.FindAllStringSubmatch(page, -1) {
		listed[strings.TrimPrefix(m[1], "internal/")] = true
	}
	declared := map[string]map[string]string{} // by package
	dirs, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		if !listed[d.Name()] {
			t.Errorf("the tree of ARCHITECTURE.md lacks internal/%s", d.Name())
		}
		delete(listed, d.Name())
		declared[d.Name()] = declarations(t, filepath.Join("..", d.Name()))
	}
	for name := range listed {
		t.Errorf("the tree of ARCHITECTURE.md has internal/%s, which does not exist", name)
	}
	filesNamed(t, page, declared)
	t.Run("layers", func(t *testing.T) { sameLayers(t, page) })
	t.Run("walks", func(t *testing.T) {
		files := map[string]bool{}
		for _, w := range walkFiles {
			_, walk, ok := strings.Cut(page, "\n"+w.heading)
			if !ok {
				t.Fatalf("ARCHITECTURE.md has no walk %s", w.heading)
			}
			walk, _, _ = strings.Cut(walk, "\n\n**")
			delete(files, w.without)
			for name := range filesNamed(t, walk, declared) {
				files[name] = true
			}
			t.Logf("%s names functions in %d files", w.heading, len(files))
			if len(files) > w.most {
				t.Errorf("%s leads through %d files, at most %d are wanted", w.heading, len(files), w.most)
			}
		}
	})
}

// forTests are the packages of the table of layers that the page leaves out.
var forTests = map[string]bool{"awstest": true, "messagingtest": true, "pgtest": true}

// sameLayers checks that the list of layers on the page has the packages of the table in
// layers_test.go, in its order. The page may put several layers of the table into one.
func sameLayers(t *testing.T, page string) {
	t.Helper()
	_, list, ok := strings.Cut(page, "```text\ncmd →")
	list, _, closed := strings.Cut(list, "```")
	if !ok || !closed {
		t.Fatal("ARCHITECTURE.md has no list of layers that begins with cmd")
	}
	level := map[string]int{}
	for i, l := range layers {
		for _, name := range l.packages {
			if !forTests[name] {
				level[name] = i
			}
		}
	}
	above := -1
	for group := range strings.SplitSeq(list, "→") {
		lowest := above
		for name := range strings.SplitSeq(group, ",") {
			name = strings.TrimSpace(name)
			at, known := level[name]
			switch {
			case !known:
				t.Errorf("the layers of ARCHITECTURE.md have %q, which layers_test.go does not have, or twice", name)
			case at <= above:
				t.Errorf("the layers of ARCHITECTURE.md have %s below a package that is beside or below it in layers_test.go", name)
			}
			lowest = max(lowest, at)
			delete(level, name)
		}
		above = lowest
	}
	for name := range level {
		t.Errorf("the layers of ARCHITECTURE.md lack %s", name)
	}
}

// filesNamed returns the files, as package/file.go, of what a text names in backticks. It
// reports names that do not exist.
func filesNamed(t *testing.T, text string, declared map[string]map[string]string) map[string]bool {
	t.Helper()
	files := map[string]bool{}
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		if file := goFile.FindStringSubmatch(m[1]); file != nil && declared[file[1]] != nil {
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("ARCHITECTURE.md names %s, which does not exist", m[1])
			}
			files[m[1]] = true
			continue
		}
		name := qualified.FindStringSubmatch(m[1])
		if name == nil || declared[name[1]] == nil || name[2] == "go" {
			continue
		}
		file, ok := declared[name[1]][name[2]]
		if !ok {
			t.Errorf("ARCHITECTURE.md names %s, which does not exist", m[1])
			continue
		}
		files[name[1]+"/"+file] = true
	}
	return files
}

// declarations returns the files of a package's functions, types and methods; methods as
// Type.method.
func declarations(t *testing.T, dir string) map[string]string {
	t.Helper()
	names := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if of := receiver(d); of != "" {
					name = of + "." + name
				}
				names[name] = filepath.Base(path)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok {
						names[ts.Name.Name] = filepath.Base(path)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
