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
	treeEntry = regexp.MustCompile("(?m)^\\| `(internal/[a-z0-9]+)` \\|")
)

// TestArchitecture holds ARCHITECTURE.md against the code: its tree has each
// package, and what it names in backticks, as package.Function or
// package.Type.method, exists.
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
	declared := map[string]map[string]bool{} // by package
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
	for _, m := range codeSpan.FindAllStringSubmatch(page, -1) {
		name := qualified.FindStringSubmatch(m[1])
		if name == nil || declared[name[1]] == nil || name[2] == "go" {
			continue
		}
		if !declared[name[1]][name[2]] {
			t.Errorf("ARCHITECTURE.md names %s, which does not exist", m[1])
		}
	}
}

// declarations returns the names of a package's functions, types and methods;
// methods as Type.method.
func declarations(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
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
				names[name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok {
						names[ts.Name.Name] = true
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
