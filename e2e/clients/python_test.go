package clients

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// installations returns the paths of a program: the one on PATH and Debian's,
// if they are different and answer to the arguments.
func installations(t *testing.T, name string, args ...string) []string {
	t.Helper()
	var found []string
	seen := map[string]bool{}
	for _, candidate := range []string{name, "/usr/bin/" + name} {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		if real, err := filepath.EvalSymlinks(path); err == nil && !seen[real] {
			seen[real] = true
			if exec.CommandContext(t.Context(), path, args...).Run() == nil {
				found = append(found, path)
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no %s answers to %v: run \"make setup\"", name, args)
	}
	return found
}

func TestBoto3(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	for _, python := range installations(t, "python3", "-c", "import boto3") {
		t.Run(strings.ReplaceAll(python, "/", ":"), func(t *testing.T) {
			out := run(t, time.Minute, official.Environment(s.Endpoint, s.WebSocket), python, "python/operations.py", s.Endpoint)
			if !strings.Contains(out, "17 operations") {
				t.Errorf("output %q", out)
			}
		})
	}
}

// TestBoto3Extensions drives every operation that Confab adds with boto3 and the service
// model that the program prints.
func TestBoto3Extensions(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	models := t.TempDir()
	folder := filepath.Join(models, "confab", "2026-12-01")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	binary, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	model := run(t, time.Minute, nil, binary, "model")
	if err := os.WriteFile(filepath.Join(folder, "service-2.json"), []byte(model), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, python := range installations(t, "python3", "-c", "import boto3") {
		t.Run(strings.ReplaceAll(python, "/", ":"), func(t *testing.T) {
			out := run(t, time.Minute, official.Environment(s.Endpoint, s.WebSocket), python, "python/extensions.py", s.Endpoint, models)
			if !strings.Contains(out, " operations") {
				t.Errorf("output %q", out)
			}
		})
	}
}

func TestCLI(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	for _, cli := range installations(t, "aws", "--version") {
		t.Run(strings.ReplaceAll(cli, "/", ":"), func(t *testing.T) { testCLI(t, s, cli) })
	}
}

// testCLI does all 17 operations with the AWS CLI.
func testCLI(t *testing.T, s *process.Server, cli string) {
	t.Helper()
	done := map[string]bool{}
	call := func(operation string, args ...string) map[string]any {
		t.Helper()
		done[operation] = true
		all := append([]string{"--endpoint-url", s.Endpoint, "--output", "json", "ivschat", operation}, args...)
		out := run(t, time.Minute, official.Environment(s.Endpoint, s.WebSocket), cli, all...)
		var answer map[string]any
		if strings.TrimSpace(out) != "" {
			if err := json.Unmarshal([]byte(out), &answer); err != nil {
				t.Fatalf("aws ivschat %s printed %q: %v", operation, out, err)
			}
		}
		return answer
	}
	logging := call("create-logging-configuration", "--name", "logs", "--destination-configuration", "s3={bucketName=chat-logs}")["arn"].(string)
	if got := call("get-logging-configuration", "--identifier", logging)["state"]; got != "ACTIVE" {
		t.Errorf("state %v", got)
	}
	call("update-logging-configuration", "--identifier", logging, "--name", "logs2")
	if list := call("list-logging-configurations")["loggingConfigurations"].([]any); len(list) == 0 {
		t.Error("no logging configuration is listed")
	}
	room := call("create-room", "--name", "cli", "--maximum-message-length", "100", "--tags", "team=chat",
		"--logging-configuration-identifiers", logging)["arn"].(string)
	if got := call("get-room", "--identifier", room)["maximumMessageLength"]; got != 100.0 {
		t.Errorf("maximumMessageLength %v", got)
	}
	call("update-room", "--identifier", room, "--name", "cli-2")
	if rooms := call("list-rooms", "--name", "cli-2")["rooms"].([]any); len(rooms) != 1 {
		t.Errorf("rooms %v", rooms)
	}
	token := call("create-chat-token", "--room-identifier", room, "--user-id", "u", "--capabilities", "SEND_MESSAGE", "--attributes", "name=Ann")
	if token["token"] == "" {
		t.Error("no token")
	}
	event := call("send-event", "--room-identifier", room, "--event-name", "app:hello", "--attributes", "a=b")["id"].(string)
	call("delete-message", "--room-identifier", room, "--id", event, "--reason", "spam")
	call("disconnect-user", "--room-identifier", room, "--user-id", "u", "--reason", "spam")
	call("tag-resource", "--resource-arn", room, "--tags", "a=b,x=y")
	call("untag-resource", "--resource-arn", room, "--tag-keys", "x")
	tags := call("list-tags-for-resource", "--resource-arn", room)["tags"].(map[string]any)
	if len(tags) != 2 || tags["team"] != "chat" || tags["a"] != "b" {
		t.Errorf("tags %v", tags)
	}
	call("delete-room", "--identifier", room)
	call("delete-logging-configuration", "--identifier", logging)
	if len(done) != 17 {
		t.Errorf("%d operations, want 17", len(done))
	}
}
