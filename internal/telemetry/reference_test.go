package telemetry_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"confab/internal/app"
	"confab/internal/telemetry"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

// TestReference holds docs/metrics.md against the metrics of the program and
// the log lines in its source.
func TestReference(t *testing.T) {
	const page = "../../docs/metrics.md"
	want := reference(t)
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s does not say what the code says (%v); run go generate ./internal/telemetry", page, err)
	}
}

func reference(t *testing.T) []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Generated from the code by go generate ./internal/telemetry. -->

# Metrics and log lines

For operators who write alerts and queries. [Operate](operations.md#alerts) says which ones deserve an alert.

## Metrics

"GET /metrics" on the admin port, in the format of Prometheus, with the metrics of Go and of the process. No metric has a
room or a user as a label.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
`)
	for _, m := range metrics(t) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, code(m.labels), m.help)
	}
	b.WriteString(`
## Log lines

On standard error, JSON unless it is a terminal ("--log-format"). A line never holds a token, a secret, the content of a
message or a user's attributes. Messages are stable: what varies is in the attributes. A duration carries its unit.

| level | message | attributes | package |
| --- | --- | --- | --- |
`)
	for _, l := range logLines(t) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.level, l.message, code(l.attributes), l.pkg)
	}
	return b.Bytes()
}

func code(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "`" + n + "`"
	}
	return strings.Join(quoted, ", ")
}

type metric struct {
	name, kind, help string
	labels           []string
}

var description = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), .*variableLabels: \{([^}]*)\}`)

// recorder is a registry that keeps what is registered.
type recorder struct{ collectors []prometheus.Collector }

func (r *recorder) Register(c prometheus.Collector) error {
	r.collectors = append(r.collectors, c)
	return nil
}

func (r *recorder) MustRegister(all ...prometheus.Collector) {
	r.collectors = append(r.collectors, all...)
}

func (r *recorder) Unregister(prometheus.Collector) bool { return false }

// metrics describes every metric of the program, by name.
func metrics(t *testing.T) []metric {
	t.Helper()
	var registered recorder
	app.NewMetrics(&registered)
	telemetry.RegisterOutput(&registered)
	all := make([]metric, len(registered.collectors))
	for i, c := range registered.collectors {
		descs := make(chan *prometheus.Desc, 1)
		c.Describe(descs)
		text := (<-descs).String()
		m := description.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("cannot read the description %s", text)
		}
		all[i] = metric{name: unquote(m[1]), help: unquote(m[2]), kind: kind(c)}
		if m[3] != "" {
			all[i].labels = strings.Split(m[3], ",")
		}
	}
	slices.SortFunc(all, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return all
}

func unquote(s string) string {
	text, err := strconv.Unquote(s)
	if err != nil {
		return s
	}
	return text
}

func kind(c prometheus.Collector) string {
	switch c.(type) {
	case *prometheus.HistogramVec, prometheus.Histogram:
		return "histogram"
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.GaugeVec:
		return "gauge"
	}
	if _, ok := c.(prometheus.Gauge); ok { // A Gauge has a Counter's methods as well.
		return "gauge"
	}
	return "counter"
}

type logLine struct {
	level, message, pkg string
	attributes          []string
}

// logLines finds the calls of loggers, by package. The linter sloglint holds
// that their messages are constants.
func logLines(t *testing.T) []logLine {
	t.Helper()
	lines := map[string]logLine{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if l, ok := logLineOf(call); ok {
					l.pkg = strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
					lines[l.pkg+l.message+l.level] = l
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.SortedFunc(maps.Values(lines), func(a, b logLine) int {
		return strings.Compare(a.pkg+" "+a.message, b.pkg+" "+b.message)
	})
}

// logLineOf reads a call of a logger: LogAttrs(ctx, level, "message", attributes…)
// or Info("message", attributes…) and its like.
func logLineOf(call *ast.CallExpr) (l logLine, ok bool) {
	fun, isMethod := call.Fun.(*ast.SelectorExpr)
	if !isMethod || len(call.Args) == 0 {
		return l, false
	}
	args := call.Args
	switch fun.Sel.Name {
	case "LogAttrs":
		if len(args) < 3 {
			return l, false
		}
		l.level = "varies"
		if level, isName := args[1].(*ast.SelectorExpr); isName {
			l.level = strings.ToLower(strings.TrimPrefix(level.Sel.Name, "Level"))
		}
		args = args[2:]
	case "Debug", "Info", "Warn", "Error":
		l.level = strings.ToLower(fun.Sel.Name)
	default:
		return l, false
	}
	text, isConstant := args[0].(*ast.BasicLit)
	if !isConstant || text.Kind != token.STRING {
		return l, false
	}
	l.message = unquote(text.Value)
	for _, arg := range args[1:] {
		ast.Inspect(arg, func(n ast.Node) bool {
			attr, isCall := n.(*ast.CallExpr)
			if !isCall || len(attr.Args) == 0 {
				return true
			}
			if f, isMethod := attr.Fun.(*ast.SelectorExpr); isMethod {
				if pkg, isName := f.X.(*ast.Ident); isName && pkg.Name == "slog" {
					if key, isConstant := attr.Args[0].(*ast.BasicLit); isConstant && !slices.Contains(l.attributes, unquote(key.Value)) {
						l.attributes = append(l.attributes, unquote(key.Value))
					}
				}
			}
			return true
		})
	}
	return l, true
}
