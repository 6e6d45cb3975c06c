package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository, files the folder under test.
const (
	root  = "../.."
	files = root + "/deploy"
)

// binary is the program as the Dockerfile builds it.
var binary string

func TestMain(m *testing.M) {
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func run(m *testing.M) (status int, err error) {
	dir, err := os.MkdirTemp("", "confab-deploy-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if binary, err = buildImage(dir); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// value is one setting as "confab config -o json" prints it.
type value struct{ Value, Source string }

// settings are the program's settings by name, with the values that it would run
// with. It fails when the program refuses them.
func settings(t *testing.T, env map[string]string, args ...string) map[string]value {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"config", "-o", "json"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("confab refuses the settings: %s", problem.String())
	}
	var byName map[string]value
	if err := json.Unmarshal(out, &byName); err != nil {
		t.Fatal(err)
	}
	return byName
}

// variable is the environment variable of a setting.
func variable(setting string) string {
	return "CONFAB_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(files, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// command runs a program that must succeed and returns what it wrote.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
