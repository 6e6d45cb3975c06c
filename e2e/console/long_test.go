package console

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/official"
	"confab/internal/testbed/process"
)

var (
	pictures = flag.String("pictures", "", "`folder` for a picture of every page (make screenshots)")
	clone    = flag.Bool("clone", false, "time the first minute from a clone with empty caches (make first-minute)")
	soak     = flag.Duration("soak", 0, "how long a busy room stays open in a page (make console-soak)")
)

// command makes a command of the program, for a user of the server.
func command(ctx context.Context, t *testing.T, s *process.Server, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = official.Environment(s.Endpoint, s.WebSocket)
	return cmd
}

// commands returns a function that runs a command, and returns its output.
func commands(t *testing.T, s *process.Server) func(args ...string) string {
	t.Helper()
	return func(args ...string) string {
		t.Helper()
		cmd := command(t.Context(), t, s, args...)
		var problem strings.Builder
		cmd.Stderr = &problem
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("confab %s: %v\n%s", strings.Join(args, " "), err, &problem)
		}
		return strings.TrimSpace(string(out))
	}
}

// id returns the id of a room from what "room create -o text" printed.
func id(created string) string {
	_, id, _ := strings.Cut(created, ":room/")
	id, _, _ = strings.Cut(id, "\t")
	return id
}

// script runs a program of e2e/clients/node against a server. Its output is the test's.
func script(t *testing.T, s *process.Server, file string, env ...string) {
	t.Helper()
	official.Need(t, official.Dir)
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(official.Dir, file))
	cmd.Env = append(official.Environment(s.Endpoint, s.WebSocket), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

// TestScreenshots takes a picture of every page that the menu leads to, and of the forms and
// a live room, in light and dark, on a wide screen and on a phone. People look at them.
func TestScreenshots(t *testing.T) {
	if *pictures == "" {
		t.Skip("make screenshots runs it")
	}
	folder, err := filepath.Abs(*pictures)
	if err != nil {
		t.Fatal(err)
	}
	official.Need(t, official.Dir)
	dev := process.Serve(t, process.Options{Args: []string{"--dev", "--account-id", "000000000000"}})
	s := process.Serve(t, process.Options{})
	confab := commands(t, s)
	confab("logging", "create", "chats", "--s3", "my-chat-logs")
	for _, name := range []string{"lobby", "backstage", "help"} {
		confab("room", "create", name, "--tag", "team=live")
	}
	stage := id(confab("room", "create", "stage", "--max-rate", "100", "--tag", "confab:history=24h", "--tag", "confab:presence=full", "--logging", "chats", "-o", "text"))
	for _, said := range [][2]string{
		{"ann", "Good evening from Lisbon!"},
		{"bob", "The sound is perfect today"},
		{"eve", "مرحبا بالجميع"},
		{"ken", "¡Qué noche tan buena!"},
		{"ann", "When does the second half begin?"},
		{"host", "In ten minutes. Stay with us!"},
	} {
		confab("send", "stage", said[1], "--as", said[0])
	}
	confab("ban", "stage", "troll", "--for", "24h", "--reason", "insults")
	confab("ban", "all", "--ip-range", "203.0.113.0/24")
	confab("mute", "stage", "carl", "--for", "10m", "--reason", "caps")
	confab("filter", "put", "all", "insults", "--term", "idiot", "--term", "shut up", "--action", "DENY", "--message", "Be kind")
	confab("filter", "put", "stage", "numbers", "--expression", `\b\d{16}\b`, "--action", "MASK")
	confab("webhook", "create", "search", "https://search.example.com/chat", "--event", "message.sent,message.deleted")
	script(t, s, "screenshots.mjs", "PICTURES="+folder, "DEV_URL="+dev.Endpoint, "CONSOLE_URL="+s.Endpoint, "ROOM="+stage)
}

// TestFirstMinuteOfClone does what somebody does who has never seen Confab: clones it, and runs
// it with Go alone. It prints what each phase takes with empty caches, and its processor time,
// which other work on the machine hardly changes. It fails if more than ten seconds pass from
// the end of the build until two people have chatted in a browser.
func TestFirstMinuteOfClone(t *testing.T) {
	if !*clone {
		t.Skip("make first-minute runs it")
	}
	dir := t.TempDir()
	env := append(os.Environ(), "HOME="+dir, "GOCACHE="+filepath.Join(dir, "cache"), "GOPATH="+filepath.Join(dir, "go"), "GOMODCACHE="+filepath.Join(dir, "modules"), "GOFLAGS=-modcacherw")
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	source, binary := filepath.Join(dir, "confab"), filepath.Join(dir, "binary")
	phases := []struct {
		name, in string
		args     []string
	}{
		{"clone", dir, []string{"git", "clone", "--quiet", root, source}},
		// What "go run" downloads: the modules of this program, without those of the tests.
		{"download", source, []string{"go", "list", "-deps", "-f", "{{.Dir}}", "./cmd/confab"}},
		{"compile", source, []string{"go", "build", "-o", binary, "./cmd/confab"}},
	}
	for _, p := range phases {
		cmd := exec.CommandContext(t.Context(), p.args[0], p.args[1:]...)
		cmd.Dir, cmd.Env = p.in, env
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(p.args, " "), err, process.Tail(string(out)))
		}
		// The processor time is that of the command and of the compilers that it ran.
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		fmt.Printf("%s: %.1f s, processor time %.1f s\n", p.name, time.Since(began).Seconds(), used.Seconds())
	}

	t.Setenv("CONFAB_BINARY", binary)
	began := time.Now()
	s := process.Serve(t, process.Options{Args: []string{"--dev", "--account-id", "000000000000"}})
	fmt.Printf("until the server answers: %.1f s\n", time.Since(began).Seconds())
	script(t, s, "console-first.mjs", "CONSOLE_URL="+s.Endpoint+"/", "BEGAN="+strconv.FormatInt(began.UnixMilli(), 10))
}

// TestSoak keeps a live room with 50 messages a second open in a page, and watches the
// memory of the page.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("make console-soak runs it")
	}
	s := process.Serve(t, process.Options{})
	busy := id(commands(t, s)("room", "create", "busy", "--max-rate", "100", "-o", "text"))
	ctx, cancel := context.WithCancel(t.Context())
	load := command(ctx, t, s, "load", "busy", "--connections", "10", "--rate", "50", "--for", "1000h")
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		load.Wait() //nolint:errcheck // It was ended.
	}()
	script(t, s, "console-soak.mjs", "CONSOLE_URL="+s.Endpoint, "ROOM="+busy, "SECONDS="+strconv.Itoa(int(soak.Seconds())))
}
