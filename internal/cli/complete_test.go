package cli_test

import (
	"strings"
	"testing"

	"confab/internal/cli"
)

// TestComplete_flags completes flags and their values as a shell asks for it.
func TestComplete_flags(t *testing.T) {
	for _, test := range []struct {
		name, args, want string
	}{
		{"descriptions have no marks", "chat demo --as", "--as\tUSER id of the token.\n:4\n"},
		{"a user is no file", "chat demo --as ", ":4\n"},
		{"a time is no file", "load demo --for ", ":4\n"},
		{"a file is one", "apply --file ", ":0\n"},
		{"a directory is one", "credentials list --data-dir ", ":0\n"},
		{"a command without arguments has no files", "room list ", ":4\n"},
		{"a flag that is needed is offered", "apply ", "--file\tFILE to apply; - is standard input.\n:4\n"},
		{"flags that are needed and not there", "credentials create --name x ", "--policy\tFILE with the IAM policy (JSON); - is standard input.\n:4\n"},
		{"doctor offers its endpoint beside its command", "doctor ", "machine\tCheck the machine that a server runs on\n--endpoint\tURL of the server; default AWS_ENDPOINT_URL_IVSCHAT, the profile's, or a server with --dev on this machine.\n:4\n"},
		{"nothing more is needed", "apply --file x ", ":4\n"},
		{"words are offered", "room export demo --format ", "ndjson\ncsv\nvtt\n:4\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			args := append([]string{"__complete"}, strings.Split(test.args, " ")...)
			if status := cli.Run(args, cli.Environment{In: strings.NewReader(""), Out: &out, Err: &strings.Builder{}}); status != 0 || out.String() != test.want {
				t.Errorf("exit status %d, it offers %q, want %q", status, out.String(), test.want)
			}
		})
	}
}
