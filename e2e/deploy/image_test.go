package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// dockerfile parses the Dockerfile; warn gets the warnings of BuildKit's linter.
func dockerfile(warn func(string)) ([]instructions.Stage, error) {
	f, err := os.Open(filepath.Join(files, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		return nil, err
	}
	for _, w := range parsed.Warnings {
		warn(w.Short)
	}
	lint := linter.New(&linter.Config{ExperimentalAll: true, Warn: func(rule, description, _, message string, _ []parser.Range) {
		warn(fmt.Sprintf("%s: %s (%s)", rule, message, description))
	}})
	stages, _, err := instructions.Parse(parsed.AST, lint)
	return stages, err
}

// commands are the instructions of one kind in a stage.
func commands[T instructions.Command](s instructions.Stage) []T {
	var found []T
	for _, c := range s.Commands {
		if c, ok := c.(T); ok {
			found = append(found, c)
		}
	}
	return found
}

// imageEnv is the environment that the image sets, imageArgs what it runs.
func imageEnv(t *testing.T) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, e := range commands[*instructions.EnvCommand](lastStage(t)) {
		for _, kv := range e.Env {
			env[kv.Key] = kv.Value
		}
	}
	return env
}

func imageArgs(t *testing.T) []string {
	t.Helper()
	cmd := commands[*instructions.CmdCommand](lastStage(t))
	if len(cmd) != 1 || cmd[0].PrependShell {
		t.Fatal("the image needs one CMD, without a shell: it has none")
	}
	return cmd[0].CmdLine
}

func lastStage(t *testing.T) instructions.Stage {
	t.Helper()
	stages, err := dockerfile(func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return stages[len(stages)-1]
}

// context of the build: what .dockerignore leaves of the files that the build
// stage copies, at to.
func copyContext(stage instructions.Stage, to string) error {
	f, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return err
	}
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		return err
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	for _, c := range commands[*instructions.CopyCommand](stage) {
		for _, source := range c.SourcePaths {
			err := filepath.WalkDir(filepath.Join(root, source), func(path string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				name, err := filepath.Rel(root, path)
				if err != nil {
					return err
				}
				if skip, err := ignored.MatchesOrParentMatches(name); skip || err != nil {
					return err
				}
				content, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o755); err != nil {
					return err
				}
				return os.WriteFile(filepath.Join(to, name), content, 0o644)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// buildImage builds the program as the Dockerfile says, by its own go build
// line, from what .dockerignore leaves, and returns its path below dir.
func buildImage(dir string) (path string, err error) {
	stages, err := dockerfile(func(string) {})
	if err != nil {
		return "", err
	}
	source, out := filepath.Join(dir, "src"), filepath.Join(dir, "out")
	if err := errors.Join(os.Mkdir(source, 0o755), os.Mkdir(out, 0o755), copyContext(stages[0], source)); err != nil {
		return "", err
	}
	for _, r := range commands[*instructions.RunCommand](stages[0]) {
		line := strings.Join(r.CmdLine, " ")
		if !strings.Contains(line, "go build") {
			continue
		}
		cmd := exec.CommandContext(context.Background(), "sh", "-ec", strings.ReplaceAll(line, "/out/", out+"/"))
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH, "VERSION=1.2.3-test", "GOFLAGS=", "GOWORK=off")
		if said, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", line, err, said)
		}
		return filepath.Join(out, "confab"), nil
	}
	return "", errors.New("the Dockerfile has no RUN with go build")
}

func TestDockerfile(t *testing.T) {
	stages, err := dockerfile(func(w string) { t.Error(w) })
	if err != nil {
		t.Fatal(err)
	}
	image := stages[len(stages)-1]
	if image.BaseName != "scratch" {
		t.Errorf("the image is made from %s, want scratch", image.BaseName)
	}
	if n := len(commands[*instructions.RunCommand](image)); n != 0 {
		t.Errorf("%d RUN in an image without a shell", n)
	}
	user := commands[*instructions.UserCommand](image)
	if len(user) != 1 || user[0].User != "65532:65532" {
		t.Errorf("users %v, want the number of one: Kubernetes cannot tell from a name whether it is root", user)
	}
	var copied []string
	for _, c := range commands[*instructions.CopyCommand](image) {
		copied = append(copied, c.DestPath)
		if c.DestPath == "/data" && c.Chown != "65532:65532" {
			t.Errorf("/data belongs to %q, want the user", c.Chown)
		}
	}
	if got, want := strings.Join(copied, " "), "/etc/ssl/certs/ca-certificates.crt /confab /data"; got != want {
		t.Errorf("the image has %s, want %s", got, want)
	}
	t.Run("the version is the one given", func(t *testing.T) {
		if got := command(t, binary, "version"); !strings.HasPrefix(got, "confab 1.2.3-test (") {
			t.Errorf("confab version says %q", got)
		}
	})
	t.Run("nothing secret reaches the builder", func(t *testing.T) {
		f, err := os.Open(filepath.Join(root, ".dockerignore"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		patterns, err := ignorefile.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		ignored, err := patternmatcher.New(patterns)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{".git/config", ".env", "confab-data/secret.key", "deploy/compose/.env", "bin/confab", "internal/app/app_test.go"} {
			if skip, err := ignored.MatchesOrParentMatches(name); err != nil || !skip {
				t.Errorf("%s is not ignored (%v)", name, err)
			}
		}
	})
}
