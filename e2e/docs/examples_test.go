package docs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/process"
)

var (
	awsCommand    = regexp.MustCompile(`\baws (confab|ivschat) ([a-z-]+)([^|;)#\n]*)`)
	confabCommand = regexp.MustCompile(`(?:^|[/\s])confab ([a-z][^|;)#\n<…]*)`)
	awsOption     = regexp.MustCompile(`(?:^|\s)--([a-z-]+)`)
	quoted        = regexp.MustCompile(`"?\$\([^()]*\)"?|'[^']*'|"[^"]*"|\$\{?[A-Z_]+\}?`)
)

// awsGlobals are the options of every command of the AWS CLI.
var awsGlobals = map[string]bool{"query": true, "output": true, "endpoint-url": true, "region": true, "profile": true}

// TestUnrunExamples checks that the commands in blocks that TestCommands does not run exist,
// and have the options that the documents use.
func TestUnrunExamples(t *testing.T) {
	binary, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	services := map[string]map[string]map[string]bool{"confab": modelOptions(t), "ivschat": sdkOptions()}
	for _, page := range pages(t) {
		if page.Path == "docs/cli.md" {
			continue // Its examples are those of the commands' help, which e2e/commands runs.
		}
		for _, b := range page.Blocks {
			if b.Language != "sh example" {
				continue
			}
			text := strings.ReplaceAll(b.Text, "\\\n", " ") // A command may have several lines.
			for _, m := range awsCommand.FindAllStringSubmatch(text, -1) {
				options, known := services[m[1]][m[2]]
				if !known {
					t.Errorf("%s:%d: aws %s has no command %s", page.Path, b.Line, m[1], m[2])
					continue
				}
				for _, o := range awsOption.FindAllStringSubmatch(m[3], -1) {
					if name := strings.TrimPrefix(o[1], "no-"); !options[o[1]] && !options[name] && !awsGlobals[o[1]] {
						t.Errorf("%s:%d: aws %s %s has no option --%s", page.Path, b.Line, m[1], m[2], o[1])
					}
				}
			}
			for line := range strings.Lines(awsCommand.ReplaceAllString(text, "")) {
				if m := confabCommand.FindStringSubmatch(quoted.ReplaceAllString(line, "x")); m != nil {
					args := append(strings.Fields(m[1]), "--help")
					if out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput(); err != nil {
						t.Errorf("%s:%d: confab %s: %v\n%s", page.Path, b.Line, strings.Join(args, " "), err, out)
					}
				}
			}
		}
	}
}

// modelOptions returns the commands of "aws confab", with their options.
func modelOptions(t *testing.T) map[string]map[string]bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, model))
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Operations map[string]struct {
			Input struct{ Shape string }
		}
		Shapes map[string]struct{ Members map[string]any }
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	commands := map[string]map[string]bool{}
	for name, o := range m.Operations {
		options := map[string]bool{}
		for member := range m.Shapes[o.Input.Shape].Members {
			options[kebab(member)] = true
		}
		commands[kebab(name)] = options
	}
	return commands
}

// sdkOptions returns the commands of "aws ivschat", with their options.
func sdkOptions() map[string]map[string]bool {
	commands := map[string]map[string]bool{}
	for method := range reflect.TypeFor[*ivschat.Client]().Methods() {
		if method.Type.NumIn() != 4 { // The receiver, a context, the input, options.
			continue
		}
		options := map[string]bool{}
		for _, f := range reflect.VisibleFields(method.Type.In(2).Elem()) {
			options[kebab(f.Name)] = true
		}
		commands[kebab(method.Name)] = options
	}
	return commands
}

// kebab returns a name as the AWS CLI writes it: createRoom is create-room.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
