package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

// goListsEnv has the test's own program list rooms with the AWS SDK for Go instead, with what
// its environment says.
const goListsEnv = "CONFAB_TEST_LIST_ROOMS"

// goListsRooms lists rooms as an application does that knows no endpoint.
func goListsRooms(t *testing.T) {
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := ivschat.NewFromConfig(cfg).ListRooms(t.Context(), &ivschat.ListRoomsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rooms.Rooms {
		t.Log(*r.Arn)
	}
}

// configFile is the example of ~/.aws/config in the guide.
var configFile = regexp.MustCompile("(?s)```ini example\n(\\[profile chat\\].*?)```")

// TestEndpoint has SDKs find the server by the environment variable, and by the configuration
// file of the guide docs/move-from-aws.md, with nothing in code. The variable has precedence.
func TestEndpoint(t *testing.T) {
	if os.Getenv(goListsEnv) != "" {
		goListsRooms(t)
		return
	}
	t.Parallel()
	s := process.Serve(t, process.Options{})
	room, err := s.API().CreateRoom(t.Context(), &ivschat.CreateRoomInput{Name: aws.String("found")})
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/move-from-aws.md")
	if err != nil {
		t.Fatal(err)
	}
	example := configFile.FindSubmatch(guide)
	if example == nil {
		t.Fatal("the guide has no configuration file")
	}
	const nowhere = "http://127.0.0.1:1"
	write := func(endpoint string) string {
		file := filepath.Join(t.TempDir(), "config")
		text := strings.Replace(string(example[1]), "https://chat.example.com", endpoint, 1)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	file, wrong := write(s.Endpoint), write(nowhere)
	keys := filepath.Join(t.TempDir(), "credentials")
	text := "[chat]\naws_access_key_id = " + process.AccessKeyID + "\naws_secret_access_key = " + process.SecretAccessKey + "\n"
	if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	profile := slices.Clip([]string{"AWS_PROFILE=chat", "AWS_SHARED_CREDENTIALS_FILE=" + keys, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="})
	clients := map[string][]string{
		"Go": {os.Args[0], "-test.run", "^TestEndpoint$", "-test.v"},
		"JavaScript": {
			"node", "--input-type=module", "-e", "import {IvschatClient, ListRoomsCommand} from '" + nodeModule(t, "@aws-sdk/client-ivschat") +
				"'; console.log(JSON.stringify(await new IvschatClient({}).send(new ListRoomsCommand({}))));",
		},
		"Python": {"python3", "-c", "import boto3; print(boto3.client('ivschat').list_rooms())"},
		"CLI":    {"aws", "ivschat", "list-rooms"},
	}
	for name, command := range clients {
		for how, env := range map[string][]string{
			"variable": {"AWS_ENDPOINT_URL_IVSCHAT=" + s.Endpoint},
			"section":  append(profile, "AWS_CONFIG_FILE="+file),
			"both":     append(profile, "AWS_CONFIG_FILE="+wrong, "AWS_ENDPOINT_URL_IVSCHAT="+s.Endpoint, "AWS_ENDPOINT_URL="+nowhere),
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				all := official.Environment("", s.WebSocket)
				all = append(append(all, goListsEnv+"=yes"), env...)
				all = slices.DeleteFunc(all, func(v string) bool { // An empty one means that there is none.
					name, _, _ := strings.Cut(v, "=")
					return v == name+"=" || slices.Contains(env, name+"=")
				})
				if out := run(t, time.Minute, all, command[0], command[1:]...); !strings.Contains(out, *room.Arn) {
					t.Errorf("the room is not in the answer: %s", out)
				}
			})
		}
	}
}

// nodeModule returns where a package is installed, to import it from anywhere.
func nodeModule(t *testing.T, name string) string {
	t.Helper()
	official.Need(t, "node")
	folder, err := filepath.Abs(filepath.Join("node", "node_modules", name))
	if err != nil {
		t.Fatal(err)
	}
	return folder + "/dist-cjs/index.js"
}
