package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// TestHostile gives commands inputs and outputs that nobody wants: each ends soon, and says what
// is wrong in one line.
func TestHostile(t *testing.T) {
	server := process.Serve(t, process.Options{})
	env := append(environment(t, server.Endpoint), "CONFAB_DATA_DIR="+server.DataDir)
	dir := t.TempDir()
	shell(t, env, dir, "confab room create demo --max-rate 100 --tag confab:history=1h && confab send demo hello --as ann")
	full := "confab: standard output cannot be written: no space left on device"
	for _, test := range []struct {
		name, script string
		status       int
		says         string // the one line on standard error; "" is none
	}{
		{"a table to a full disk", "confab room list >/dev/full", 1, full},
		{"help to a full disk", "confab chat --help >/dev/full", 1, full},
		{"the version to a full disk", "confab version >/dev/full", 1, full},
		{"an export to a full disk", "confab room export demo >/dev/full", 1, full},
		{"frames to a full disk", "mkfifo lines; exec 3<>lines; echo hi >&3; confab chat demo --as ann <&3 >/dev/full", 1, full},
		{"what comes to a full disk", "confab tail demo --since 1h >/dev/full", 1, full},

		{"a reader of a table that leaves", "confab room list | head -1 >/dev/null", 0, ""},
		{"a reader of a stream that leaves", "confab tail demo --since 1h | head -1 >/dev/null", 1, ""},
		{"a reader of frames that leaves", "mkfifo more; exec 3<>more; echo hi >&3; confab chat demo --as ann <&3 | head -1 >/dev/null", 1, ""},

		{"bytes that are no text in the input of a chat", `printf 'fine\n\377\376\n' | confab chat demo --as ann >/dev/null`, 1, "confab: line 2 of standard input is not UTF-8, and was not sent"},
		{"zeroes without an end in the input of a chat", "confab chat demo --as ann </dev/zero >/dev/null", 1, "confab: line 1 of standard input is longer than 64 KiB, and was not sent"},
		{"a directory as the input of a chat", "confab chat demo --as ann <. >/dev/null", 1, "confab: standard input cannot be read: read /dev/stdin: is a directory"},
		{"no input of a chat", "confab chat demo --as ann <&-", 0, ""},
		{"zeroes without an end to apply", "confab apply -f /dev/zero", 2, "confab: --file \"/dev/zero\": larger than 4 MiB"},
		{"a directory to apply", "confab apply -f .", 2, `confab: --file ".": read .: is a directory`},
		{"random bytes to apply", "head -c 100000 /dev/urandom >junk; confab apply -f junk", 2, "confab: --file junk: "},
		{"a policy without an end", "confab credentials create --name x --policy /dev/zero", 2, "confab: --policy \"/dev/zero\": larger than 4 MiB"},
		{"a policy without an end from standard input", "confab credentials create --name x --policy - </dev/zero", 2, "confab: --policy \"-\": larger than 4 MiB"},
		{"a public key without an end", "confab keys create-signer --name x --rooms '*' --public-key /dev/zero", 2, "confab: --public-key \"/dev/zero\": larger than 4 MiB"},
		{"a configuration without an end", "confab config --config /dev/zero", 2, `confab: --config "/dev/zero": cannot be read: it is larger than 4 MiB`},
		{"terms without an end", "confab filter put demo x --terms-from /dev/zero", 2, "confab: --terms-from \"/dev/zero\": larger than "},
		{"a token without an end", "confab token inspect - </dev/zero", 1, "confab: the chat token cannot be opened"},
		{"no token", "confab token inspect - </dev/null", 2, "confab: TOKEN is empty"},

		{"a user that is no text", `confab ban demo $'\377'`, 2, `confab: "\xff" is not UTF-8`},
		{"a message that is no text", `confab send demo $'a\377' --as ann`, 2, `confab: "a\xff" is not UTF-8`},
		{"a flag that is no text", `confab send demo hi --as $'\377'`, 2, `confab: "\xff" is not UTF-8`},
		{"one of many flags that is no text", `confab token create demo --as ann --attribute a=b --attribute $'k=\377'`, 2, "is not UTF-8"},
		{"an endpoint that is no text", `confab room list --endpoint $'http://\377'`, 2, `confab: "http://\xff" is not UTF-8`},
		{"a command that is no text", `confab $'\377'`, 2, `confab: unknown command "\xff"`},
		{"a shell that does not exist", "confab completion zhs", 2, `confab: unknown command "zhs"; did you mean zsh?`},
		{"a file whose name is no text", `echo 'rooms: [{name: demo}]' >$'\377'; confab apply -f $'\377' --set any --dry-run >/dev/null`, 0, ""},

		{"no home", "env -u HOME confab room list >/dev/null", 0, ""},
		{"a home that is not there", "HOME=/nonexistent confab room list >/dev/null", 0, ""},
		{"a home that cannot be written", "HOME=/proc confab room list >/dev/null; HOME=/proc confab completion bash >/dev/null", 0, ""},
		{"an empty environment", `"$(command -v env)" -i PATH="$PATH" AWS_EC2_METADATA_DISABLED=true AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY confab room list --endpoint $AWS_ENDPOINT_URL_IVSCHAT >/dev/null`, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), screenTime)
			defer cancel()
			// The status of a pipe is that of confab, not of a reader that leaves or a writer that is killed.
			script := "set -o pipefail\n" + test.script
			cmd := exec.CommandContext(ctx, "bash", "-c", script)
			cmd.Env, cmd.Dir = env, dir
			cmd.WaitDelay = time.Second
			var errs strings.Builder
			cmd.Stderr = &errs
			err := cmd.Run()
			if cmd.ProcessState == nil || ctx.Err() != nil {
				t.Fatalf("it does not end: %v, %s", err, errs.String())
			}
			if status := cmd.ProcessState.ExitCode(); status != test.status {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			lines := 1
			if test.says == "" {
				lines = 0
			}
			if said := errs.String(); strings.Count(said, "\n") != lines || !strings.Contains(said, test.says) {
				t.Errorf("it says %q, want %q", said, test.says)
			}
		})
	}
	t.Run("characters of a terminal without a locale", func(t *testing.T) {
		out := shell(t, append(env, "LANG=C", "LC_ALL=C"), dir, "confab send demo 漢字 --as ann -o text; confab room messages demo")
		if !strings.Contains(out, "漢字") {
			t.Errorf("it prints\n%s", out)
		}
	})
	t.Run("a terminal without columns", func(t *testing.T) {
		p := startProgram(t, append(env, "PS1=$ "), 120, 24, "bash", "--norc", "--noprofile")
		p.keys("stty cols 0 rows 0; confab room list" + enter)
		p.shows("NAME", "demo", "confab:history=1h")
		p.keys("confab chat demo --as ann" + enter)
		p.until("connection", func([]string) bool { return server.Log() != "" && p.screen.IsAltScreen() })
		p.keys(ctrlC)
		p.until("screen before", func([]string) bool { return !p.screen.IsAltScreen() })
		p.keys("exit $?" + enter)
		if status, wrote := p.ends(); status != 0 || strings.Contains(wrote, "panic") {
			t.Errorf("exit status %d, %s", status, process.Tail(wrote))
		}
	})
}

// TestCompletion_many completes the names of 10,000 rooms. If the server is too slow for all of
// them, those that it listed are offered.
func TestCompletion_many(t *testing.T) {
	const rooms, page = 10_000, 50
	lists := func(stuck int) *httptest.Server {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			in := struct{ NextToken string }{}
			_ = json.NewDecoder(r.Body).Decode(&in)
			first := 0
			_, _ = fmt.Sscan(in.NextToken, &first)
			if first == stuck {
				_, _ = io.Copy(io.Discard, r.Body) // Until then the end of the connection is not noticed.
				<-r.Context().Done()
				return
			}
			all := make([]string, page)
			for n := range all {
				all[n] = fmt.Sprintf(`{"arn":"arn:aws:ivschat:us-west-2:123456789012:room/Room%08d","id":"Room%08d","name":"room-%05d"}`, first+n, first+n, first+n)
			}
			next := ""
			if first+page < rooms {
				next = fmt.Sprintf(`,"nextToken":"%d"`, first+page)
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"rooms":[%s]%s}`, strings.Join(all, ","), next)
		}))
		t.Cleanup(server.Close)
		return server
	}
	complete := func(t *testing.T, server *httptest.Server, typed string) []string {
		t.Helper()
		out, status := confab(t, environment(t, server.URL), "__complete", "room", "get", typed)
		if status != 0 {
			t.Fatalf("exit status %d: %s", status, out)
		}
		return strings.Split(out, "\n")
	}
	t.Run("all", func(t *testing.T) {
		server := lists(-1)
		found := complete(t, server, "room-09998")
		if found[0] != "room-09998\tRoom00009998" && !strings.Contains(found[0], "Only the newest") { // A machine with much other work is slow, too.
			t.Errorf("it offers %q", found)
		}
	})
	t.Run("some", func(t *testing.T) {
		found := complete(t, lists(5000), "room-0000")
		if len(found) < 11 || found[9] != "room-00009\tRoom00000009" || found[10] != "_activeHelp_ Only the newest 5000 were read in 2s." {
			t.Errorf("it offers %q", found)
		}
	})
}
