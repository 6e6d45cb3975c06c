package deploy

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// finishTime is how long a stopping server waits for API calls after the drain.
const finishTime = 10 * time.Second

// deployment is one server as one of the files runs it.
type deployment struct {
	name string
	args []string
	env  map[string]string
	// grace is how long it may take to stop, before is what of it passes before
	// SIGTERM.
	grace, before time.Duration
	// several says that it is one of several nodes.
	several bool
}

// secrets are made-up values for what the files leave to the operator.
var secrets = map[string]string{
	"CONFAB_ROOT_ACCESS_KEY_ID":     "AKIDEXAMPLEROOT00001",
	"CONFAB_ROOT_SECRET_ACCESS_KEY": "root-secret-for-tests-only",
	"CONFAB_SECRET_KEY":             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	"CONFAB_CLUSTER_SECRET":         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	"CONFAB_DATABASE":               "postgres://confab:password@db.example.com:5432/confab?sslmode=verify-full",
	"POSTGRES_PASSWORD":             "password",
}

// deployments are all servers of all files.
func deployments(t *testing.T) []deployment {
	t.Helper()
	return slices.Concat(composeDeployments(t), helmDeployments(t), unitDeployments(t))
}

// TestSettings holds what the files set against the program: it must know each
// name, take each value, and find it where the file put it.
func TestSettings(t *testing.T) {
	known := settings(t, nil)
	for _, d := range deployments(t) {
		t.Run(d.name, func(t *testing.T) {
			variables := map[string]string{}
			for name := range known {
				variables[variable(name)] = name
			}
			for name := range d.env {
				if strings.HasPrefix(name, "CONFAB_") && variables[name] == "" {
					t.Errorf("%s is no setting of this program", name)
				}
			}
			if t.Failed() {
				return
			}
			if len(d.args) == 0 || d.args[0] != "serve" {
				t.Fatalf("runs confab %v, want serve", d.args)
			}
			got := settings(t, d.env, d.args[1:]...)
			for name, v := range got {
				if d.env[variable(name)] != "" && v.Source != "environment "+variable(name) {
					t.Errorf("%s comes from %s", name, v.Source)
				}
			}
			for _, name := range []string{"root-access-key-id", "root-secret-access-key"} {
				if got[name].Value == "" {
					t.Errorf("%s is not set", name)
				}
			}
			for _, name := range []string{"secret-key", "cluster-secret", "cluster-listen", "cluster-peers", "database"} {
				if d.several && got[name].Value == "" {
					t.Errorf("a node of several needs %s", name)
				}
			}
		})
	}
}

// TestGraceLastsLongerThanTheDrain: no service manager kills a server that still moves its
// connections.
func TestGraceLastsLongerThanTheDrain(t *testing.T) {
	for _, d := range deployments(t) {
		t.Run(d.name, func(t *testing.T) {
			drain := d.env["CONFAB_DRAIN_TIME"]
			if drain == "" {
				drain = settings(t, nil)["drain-time"].Value
			}
			needs, err := time.ParseDuration(drain)
			if err != nil {
				t.Fatal(err)
			}
			if needs += d.before + finishTime; d.grace <= needs {
				t.Errorf("it may take %s to stop, and takes up to %s", d.grace, needs)
			}
		})
	}
}

// merged returns the environment of a over that of b.
func merged(a, b map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, b)
	maps.Copy(all, a)
	return all
}
