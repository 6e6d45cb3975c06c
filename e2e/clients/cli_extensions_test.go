package clients

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// TestCLIExtensions does every operation that Confab adds with the AWS CLI, which knows them by the
// service model that the program prints.
func TestCLIExtensions(t *testing.T) {
	t.Parallel()
	s := process.Serve(t, process.Options{})
	room, err := s.API().CreateRoom(t.Context(), &ivschat.CreateRoomInput{Tags: map[string]string{"confab:history": "1h"}})
	if err != nil {
		t.Fatal(err)
	}
	binary, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	model := filepath.Join(home, "service-2.json")
	printed := run(t, time.Minute, nil, binary, "model")
	for path, text := range map[string]string{
		model: printed,
		// Version 1 would take the URL of a webhook for the place of the value.
		filepath.Join(home, "config"): "[default]\ncli_follow_urlparam = false\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := append(official.Environment(s.Endpoint, s.WebSocket), "HOME="+home, "AWS_CONFIG_FILE="+filepath.Join(home, "config"))
	for _, cli := range installations(t, "aws", "--version") {
		t.Run(strings.ReplaceAll(cli, "/", ":"), func(t *testing.T) {
			run(t, time.Minute, env, cli, "configure", "add-model", "--service-name", "confab", "--service-model", "file://"+model)
			c := &commandLine{T: t, cli: cli, env: env, endpoint: s.Endpoint, done: map[string]bool{}}
			c.rooms(*room.Arn)
			c.moderation(*room.Arn)
			c.webhooks(*room.Arn)
			c.server()
			var described struct {
				Operations map[string]any `json:"operations"`
			}
			if err := json.Unmarshal([]byte(printed), &described); err != nil {
				t.Fatal(err)
			}
			for name := range described.Operations {
				if !c.done[command(name)] {
					t.Errorf("the CLI did not do %s", name)
				}
			}
		})
	}
}

var word = regexp.MustCompile(`[A-Z][a-z]+`)

// command is the CLI's name of an operation.
func command(operation string) string {
	return strings.ToLower(strings.Join(word.FindAllString(operation, -1), "-"))
}

// commandLine runs the AWS CLI.
type commandLine struct {
	*testing.T
	cli, endpoint string
	env           []string
	done          map[string]bool
}

func (c *commandLine) call(operation string, args ...string) map[string]any {
	c.Helper()
	c.done[operation] = true
	out := run(c.T, time.Minute, c.env, c.cli, append([]string{"--endpoint-url", c.endpoint, "--output", "json", "confab", operation}, args...)...)
	var answer map[string]any
	if strings.TrimSpace(out) != "" {
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			c.Fatalf("aws confab %s printed %q: %v", operation, out, err)
		}
	}
	return answer
}

// want checks a member of an answer.
func (c *commandLine) want(answer map[string]any, member string, value any) {
	c.Helper()
	if answer[member] != value {
		c.Errorf("%s is %v, want %v", member, answer[member], value)
	}
}

// one returns the only element of a list.
func (c *commandLine) one(answer map[string]any, list string) map[string]any {
	c.Helper()
	all, _ := answer[list].([]any)
	if len(all) != 1 {
		c.Fatalf("%s are %v, want one", list, answer[list])
	}
	return all[0].(map[string]any)
}

func (c *commandLine) rooms(room string) {
	in := []string{"--room-identifier", room}
	with := func(args ...string) []string { return append(args, in...) }
	c.want(c.call("get-room-presence", in...), "roomArn", room)
	c.call("list-room-users", in...)
	c.call("list-room-presence")
	c.call("send-message", with("--user-id", "bot", "--content", "hello", "--attributes", "a=1")...)
	message := c.one(c.call("list-messages", with("--order", "OLDEST_FIRST", "--sender-user-id", "bot")...), "messages")
	c.want(message, "content", "hello")
	c.want(message["sender"].(map[string]any), "userId", "bot")
	c.want(c.one(c.call("list-message-traces", with("--user-id", "bot")...), "traces"), "result", "DELIVERED")
	c.call("send-message", with("--user-id", "rude", "--content", "x")...)
	c.want(c.call("delete-user-messages", with("--user-id", "rude", "--reason", "rude")...), "deleted", 1.0)
	erased := c.call("erase-user", with("--user-id", "bot")...)
	for erased["status"] == "RUNNING" {
		erased = c.call("erase-user", with("--user-id", "bot")...)
	}
	c.want(erased, "status", "DONE")
	c.want(erased, "messages", 1.0)
	modes := c.call("update-room-modes", with("--slow-mode", "10s", "--duration-in-seconds", "60")...)["modes"].([]any)
	c.want(modes[0].(map[string]any), "value", "10s")
	modes = c.call("get-room-modes", in...)["modes"].([]any)
	c.want(modes[0].(map[string]any), "source", "MODERATOR")
}

func (c *commandLine) moderation(room string) {
	in := []string{"--room-identifier", room}
	with := func(args ...string) []string { return append(args, in...) }
	id := c.call("create-ban", with("--user-id", "troll", "--type", "BAN", "--duration-in-seconds", "600")...)["id"].(string)
	c.want(c.call("get-ban", "--id", id), "userId", "troll")
	c.want(c.call("update-ban", "--id", id, "--reason", "spam"), "reason", "spam")
	c.want(c.one(c.call("list-bans", in...), "bans"), "id", id)
	c.call("delete-ban", "--id", id)
	events := c.call("list-moderation-events", with("--user-id", "troll")...)["events"].([]any)
	c.want(events[0].(map[string]any), "action", "DELETE_BAN")
	c.want(c.call("put-content-filter", with("--name", "insults", "--terms", "idiot", "--action", "DENY")...), "action", "DENY")
	c.want(c.call("get-content-filter", with("--name", "insults")...), "name", "insults")
	c.want(c.one(c.call("list-content-filters", in...), "filters"), "termCount", 1.0)
	c.want(c.call("test-content-filter", with("--content", "you i.d.i.o.t")...), "action", "DENY")
	c.call("delete-content-filter", with("--name", "insults")...)
}

func (c *commandLine) webhooks(room string) {
	hook := c.call("create-webhook", "--name", "app", "--url", "https://127.0.0.1.invalid/", "--events", "message.sent", "--room-identifiers", room)
	id := hook["id"].(string)
	c.want(c.call("get-webhook", "--id", id), "url", "https://127.0.0.1.invalid/")
	c.want(c.one(c.call("list-webhooks"), "webhooks"), "id", id)
	c.want(c.call("update-webhook", "--id", id, "--state", "PAUSED"), "state", "PAUSED")
	if secret := c.call("rotate-webhook-secret", "--id", id)["secret"]; secret == hook["secret"] {
		c.Error("the secret stays")
	}
	if tested := c.call("test-webhook", "--id", id); tested["error"] == nil {
		c.Errorf("an endpoint that does not exist answers %v", tested)
	}
	c.call("delete-webhook", "--id", id)
}

func (c *commandLine) server() {
	c.want(c.one(c.call("get-server"), "nodes"), "ready", true)
	if _, ok := c.call("get-metrics", "--names", "confab_concurrent_chat_connections", "--period-in-seconds", "10")["series"].([]any); !ok {
		c.Error("there are no series")
	}
	policy := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`
	c.want(c.call("create-credentials", "--name", "cli", "--policy", policy), "name", "cli")
	if all := c.call("list-credentials")["credentials"].([]any); len(all) == 0 {
		c.Error("no credentials are listed")
	}
	c.call("delete-credentials", "--name", "cli")
}
