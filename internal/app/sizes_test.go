package app

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a reader can hold in mind. A package or type that is larger has several
// subjects: divide it along them.
const (
	mostLines   = 2500 // of a package, tests not counted
	mostFields  = 25   // of a struct
	mostMethods = 40   // of a type
)

// larger has the packages and types that may be larger: up to which size, and why.
var larger = map[string]struct {
	most int
	why  string
}{
	"websocket.loop": {60, "the lists of one goroutine, which the package comment draws, and memory that it uses again"},
	"websocket.Conn": {60, "the life of a connection: a file for each stage"},
	"config.Config":  {150, "a field for each setting"},
}

func TestSizes(t *testing.T) {
	unused := map[string]bool{}
	for name := range larger {
		unused[name] = true
	}
	check := func(name, what string, n, most int) {
		if n <= most {
			return
		}
		if most = max(most, larger[name].most); n > most {
			t.Errorf("%s has %d %s, more than %d", name, n, what, most)
		}
		delete(unused, name)
	}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	lines, fields, methods := map[string]int{}, map[string]int{}, map[string]int{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pkg := filepath.Base(filepath.Dir(path))
		lines[pkg] += bytes.Count(source, []byte("\n"))
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if name := receiver(d); name != "" {
					methods[pkg+"."+name]++
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					ts, ok := spec.(*ast.TypeSpec)
					if !ok {
						continue
					}
					if st, ok := ts.Type.(*ast.StructType); ok {
						fields[pkg+"."+ts.Name.Name] = st.Fields.NumFields()
					}
				}
			}
		}
	}
	for name, n := range lines {
		check(name, "lines", n, mostLines)
	}
	for name, n := range fields {
		check(name, "fields", n, mostFields)
	}
	for name, n := range methods {
		check(name, "methods", n, mostMethods)
	}
	for name := range unused {
		t.Errorf("%s is not too large any more: take it out of the exceptions", name)
	}
}

// receiver is the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	e := d.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if generic, ok := e.(*ast.IndexExpr); ok {
		e = generic.X
	}
	if name, ok := e.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
