package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// metric finds the program's metrics in PromQL.
var metric = regexp.MustCompile(`confab_[a-z_]+`)

// read returns a file below root.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// promtool runs Prometheus' own checker.
func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// dashboard returns the queries of deploy/grafana/confab.json by the titles of their
// panels, with Grafana's variables replaced.
func dashboard(t *testing.T) map[string][]string {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana/confab.json")), &d); err != nil {
		t.Fatal(err)
	}
	queries := map[string][]string{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			queries[p.Title] = append(queries[p.Title], strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(target.Expr))
		}
	}
	if len(queries) == 0 {
		t.Fatal("the dashboard has no queries")
	}
	return queries
}

func TestAlerts(t *testing.T) {
	dir := filepath.Join(files, "prometheus")
	promtool(t, dir, "check", "rules", "alerts.yaml")
	promtool(t, dir, "test", "rules", "alerts_test.yaml")
}

func TestDashboard(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups: [{name: dashboard, rules: [\n")
	n := 0
	for _, queries := range dashboard(t) {
		for _, q := range queries {
			fmt.Fprintf(&rules, "{record: q%d, expr: %q},\n", n, q)
			n++
		}
	}
	rules.WriteString("]}]\n")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, dir, "check", "rules", "rules.yaml")
}

// TestMetricsExist holds alerts and dashboard against docs/metrics.md, which is made
// from the program's registry.
func TestMetricsExist(t *testing.T) {
	known := map[string]bool{}
	for _, name := range metric.FindAllString(read(t, "docs/metrics.md"), -1) {
		known[name] = true
	}
	used := map[string]string{}
	for _, name := range metric.FindAllString(read(t, "deploy/prometheus/alerts.yaml"), -1) {
		used[name] = "deploy/prometheus/alerts.yaml"
	}
	for title, queries := range dashboard(t) {
		for _, name := range metric.FindAllString(strings.Join(queries, " "), -1) {
			used[name] = "the dashboard's " + title
		}
	}
	for name, where := range used {
		if !known[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("%s has %s, which is no metric of the program", where, name)
		}
	}
}

// TestRunbooks follows the links of the alerts into the documents.
func TestRunbooks(t *testing.T) {
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	links := regexp.MustCompile(`runbook_url: https://RUNBOOK/(\S+)#(\S+)`).FindAllStringSubmatch(read(t, "deploy/prometheus/alerts.yaml"), -1)
	if alerts := strings.Count(read(t, "deploy/prometheus/alerts.yaml"), "- alert: "); len(links) != alerts {
		t.Errorf("%d alerts have %d runbooks", alerts, len(links))
	}
	for _, link := range links {
		found := false
		for _, h := range heading.FindAllStringSubmatch(read(t, link[1]), -1) {
			found = found || strings.ReplaceAll(strings.ToLower(strings.NewReplacer("?", "", "`", "", ",", "").Replace(h[1])), " ", "-") == link[2]
		}
		if !found {
			t.Errorf("%s has no section %s", link[1], link[2])
		}
	}
}
