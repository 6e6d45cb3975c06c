package commands

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	_ "modernc.org/sqlite" // opens the database of a server

	"confab/internal/testbed/process"
)

// background is a run of confab without a terminal.
type background struct {
	t         *testing.T
	cmd       *exec.Cmd
	out, errs process.Buffer
	done      chan struct{}
}

func inBackground(t *testing.T, env []string, args ...string) *background {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append([]string{runConfab + "=1"}, env...)
	return startBackground(t, cmd, cancel)
}

// startBackground starts a command that was made with a context; cancel ends the context.
func startBackground(t *testing.T, cmd *exec.Cmd, cancel context.CancelFunc) *background {
	t.Helper()
	b := &background{t: t, cmd: cmd, done: make(chan struct{})}
	b.cmd.Stdout, b.cmd.Stderr = &b.out, &b.errs
	if err := b.cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		defer close(b.done)
		_ = b.cmd.Wait() // The status is looked at.
	}()
	t.Cleanup(cancel)
	return b
}

// ctrlC sends the signal of Ctrl-C.
func (b *background) ctrlC() {
	b.t.Helper()
	b.signal(syscall.SIGINT)
}

func (b *background) signal(s syscall.Signal) {
	b.t.Helper()
	if err := b.cmd.Process.Signal(s); err != nil {
		b.t.Fatal(err)
	}
}

// ends waits for the end, and returns the exit status.
func (b *background) ends() int {
	b.t.Helper()
	select {
	case <-b.done:
	case <-time.After(screenTime):
		b.t.Fatalf("the program does not end; it printed\n%s%s", b.out.String(), b.errs.String())
	}
	return b.cmd.ProcessState.ExitCode()
}

// prints waits until standard output has a text.
func (b *background) prints(text string) {
	b.t.Helper()
	b.writes(&b.out, text)
}

// logs waits until standard error has a text.
func (b *background) logs(text string) {
	b.t.Helper()
	b.writes(&b.errs, text)
}

func (b *background) writes(stream *process.Buffer, text string) {
	b.t.Helper()
	for begin := time.Now(); !strings.Contains(stream.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > screenTime {
			b.t.Fatalf("it does not print %q, but\n%s%s", text, b.out.String(), b.errs.String())
		}
	}
}

// history is a server whose one room has messages without an end, one page after the other.
// Page is called before each page but the first.
func history(t *testing.T, page func(r *http.Request)) *httptest.Server {
	t.Helper()
	var pages atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // Until then the end of the connection is not noticed.
		w.Header().Set("Content-Type", "application/json")
		n := pages.Add(1)
		if n > 1 {
			page(r)
		}
		var messages []string
		for i := range 200 {
			messages = append(messages, fmt.Sprintf(`{"id":"%d-%d","sendTime":"2026-01-31T12:00:00Z","content":"%s","sender":{"userId":"ann","attributes":{}},"attributes":{}}`, n, i, strings.Repeat("word ", 80)))
		}
		fmt.Fprintf(w, `{"messages":[%s],"nextToken":"more"}`, strings.Join(messages, ","))
	}))
	t.Cleanup(server.Close)
	return server
}

// TestExport_interrupted ends an export between two pages, by Ctrl-C or with its terminal. A file
// is as it was, and standard output ends with a whole message.
func TestExport_interrupted(t *testing.T) {
	for _, test := range []struct {
		name, file, says string
		signal           syscall.Signal
	}{
		{"to a file", "chat.ndjson", `is as it was before`, syscall.SIGINT},
		{"to a file, and the terminal closes", "chat.ndjson", `is as it was before`, syscall.SIGHUP},
		{"to standard output", "-", `stopped before the export was complete; what was written is whole messages`, syscall.SIGINT},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := make(chan struct{})
			once := sync.OnceFunc(func() { close(asked) })
			server := history(t, func(r *http.Request) {
				once()
				<-r.Context().Done()
			})
			dir := t.TempDir()
			file := test.file
			if file != "-" {
				file = filepath.Join(dir, file)
				if err := os.WriteFile(file, []byte("before\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			b := inBackground(t, environment(t, server.URL), "room", "export", foreignRoom, "--file", file)
			<-asked
			b.signal(test.signal)
			if status := b.ends(); status != 1 || !strings.Contains(b.errs.String(), test.says) {
				t.Errorf("exit status %d, %s", status, b.errs.String())
			}
			if file == "-" {
				lines := strings.SplitAfter(b.out.String(), "\n")
				for i, line := range lines {
					if i == len(lines)-1 && line == "" {
						continue
					}
					if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "\n") {
						t.Errorf("line %d is not whole: %q", i, line)
					}
				}
				if len(lines) != 201 {
					t.Errorf("%d lines, want 200", len(lines)-1)
				}
				return
			}
			if kept, err := os.ReadFile(file); err != nil || string(kept) != "before\n" {
				t.Errorf("the file has %q, %v", kept, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("it leaves %v, %v", left, err)
			}
		})
	}
}

// TestReaderLeaves holds that commands which print for long end when the reader of their output
// has left, as head does.
func TestReaderLeaves(t *testing.T) {
	server := process.Serve(t, process.Options{})
	endless := history(t, func(*http.Request) {})
	env := environment(t, server.Endpoint)
	shell(t, env, t.TempDir(), "confab room create demo --max-rate 100 --tag confab:history=1h && confab send demo first --as ann")
	for _, test := range []struct {
		env  []string
		args []string
	}{
		{env, []string{"tail", "demo", "--since", "1h"}},
		{env, []string{"chat", "demo", "--as", "ann", "--history", "1"}},
		{environment(t, endless.URL), []string{"room", "export", foreignRoom}},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], test.args...)
			cmd.Env = append([]string{runConfab + "=1"}, test.env...)
			input, err := cmd.StdinPipe() // It stays open: a chat ends with its input.
			if err != nil {
				t.Fatal(err)
			}
			defer input.Close()
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			errs := &process.Buffer{}
			cmd.Stdout, cmd.Stderr = write, errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			write.Close()
			if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			read.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = cmd.Wait()
			}()
			for begin, n := time.Now(), 0; ; n++ {
				select {
				case <-done:
					if errs.Len() > 0 {
						t.Errorf("it says %q", errs.String())
					}
					return
				default:
				}
				if time.Since(begin) > screenTime {
					cancel()
					<-done
					t.Fatal("it continues without a reader")
				}
				if out, status := confab(t, env, "send", "demo", fmt.Sprint(n), "--as", "ann"); status != 0 {
					t.Fatal(out)
				}
			}
		})
	}
}

// TestApply_interrupted ends an apply by Ctrl-C: at its question nothing was done, and during a
// change that change completes, and the next apply makes the others.
func TestApply_interrupted(t *testing.T) {
	server := process.Serve(t, process.Options{})
	file := filepath.Join(t.TempDir(), "show.yaml")
	const show = `rooms: [{name: first}, {name: second}, {name: third}]
webhooks: [{name: app, url: "https://app.invalid/", events: [message.sent]}]
`
	if err := os.WriteFile(file, []byte(show), 0o600); err != nil {
		t.Fatal(err)
	}
	direct := environment(t, server.Endpoint)
	p := startTerminal(t, direct, 80, 24, "apply", "-f", file)
	p.shows("Apply this plan? [y/N]")
	p.keys(ctrlC)
	if status, wrote := p.ends(); status != 1 || !strings.Contains(wrote, "confab: nothing was done") {
		t.Errorf("at the question: exit status %d, %q", status, wrote)
	}

	endpoint, held, release := holdBack(t, server, "/CreateRoom", 2)
	b := inBackground(t, environment(t, endpoint), "apply", "-f", file)
	<-held
	b.ctrlC()
	release()
	if status := b.ends(); status != 1 || !strings.Contains(b.errs.String(), "confab: stopped after 2 of 4 changes; they stay, and the next apply makes the others") {
		t.Errorf("exit status %d, %s", status, b.errs.String())
	}
	if !strings.Contains(b.out.String(), "Created room second ") || strings.Contains(b.out.String(), "Created room third") {
		t.Errorf("it says\n%s", b.out.String())
	}
	out, status := confab(t, direct, "apply", "-f", file)
	if status != 0 || !strings.Contains(out, "Plan: 2 to create, 0 to change, 0 to delete, 2 to keep") {
		t.Errorf("the next apply: exit status %d\n%s", status, out)
	}
	if out, _ := confab(t, direct, "room", "list", "-o", "text"); strings.Count(out, "\n") != 3 {
		t.Errorf("the rooms are\n%s", out)
	}

	// Of an apply that fails, the output as JSON says what was done, with the secrets.
	const more = `webhooks: [{name: new, url: "https://new.invalid/", events: [message.sent]}, {name: wrong, url: "https://wrong.invalid/", events: [unknown]}]`
	if err := os.WriteFile(file, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	b = inBackground(t, direct, "apply", "-f", file, "-o", "json")
	status = b.ends()
	var printed struct {
		Steps []struct {
			Name, Secret string
			Done         bool
		}
	}
	if err := json.Unmarshal([]byte(b.out.String()), &printed); err != nil || status != 1 || len(printed.Steps) != 2 ||
		!printed.Steps[0].Done || printed.Steps[0].Secret == "" || printed.Steps[1].Done {
		t.Errorf("exit status %d, %v, %+v, %s", status, err, printed, b.errs.String())
	}
}

// TestImport_interruptedWrite ends imports while they write, by Ctrl-C and by a kill. The
// next one imports the rest, and nothing is there twice.
func TestImport_interruptedWrite(t *testing.T) {
	const rooms = 60
	source := process.Serve(t, process.Options{})
	for range rooms {
		if _, err := source.API().CreateRoom(t.Context(), &ivschat.CreateRoomInput{Name: aws.String("lobby")}); err != nil {
			t.Fatal(err)
		}
	}
	count := func(t *testing.T, server *process.Server) (n int) {
		t.Helper()
		seen := map[string]bool{}
		for pages := ivschat.NewListRoomsPaginator(server.API(), &ivschat.ListRoomsInput{}); pages.HasMorePages(); {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range page.Rooms {
				seen[*page.Rooms[i].Arn] = true
				n++
			}
		}
		if len(seen) != n {
			t.Errorf("%d rooms have %d ARNs", n, len(seen))
		}
		return n
	}
	continues := func(t *testing.T, env []string, target *process.Server) {
		t.Helper()
		before := count(t, target)
		out, status := confab(t, env, "import", "--from-aws", "--data-dir", target.DataDir)
		if want := fmt.Sprintf("Plan: %d to create, 0 to change, %d to keep", rooms-before, before); status != 0 || !strings.Contains(out, want) {
			t.Errorf("the next import: exit status %d, want %s\n%s", status, want, out)
		}
		if n := count(t, target); n != rooms {
			t.Errorf("%d rooms, want %d", n, rooms)
		}
	}

	t.Run("by Ctrl-C", func(t *testing.T) {
		target := process.Serve(t, process.Options{})
		endpoint, held, release := holdBack(t, source, "/GetRoom", rooms)
		env := environment(t, endpoint)
		b := inBackground(t, env, "import", "--from-aws", "--data-dir", target.DataDir)
		<-held
		// While another transaction is open, the first write waits.
		db, err := sql.Open("sqlite", "file:"+filepath.Join(target.DataDir, "confab.db")+"?_txlock=immediate")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		open, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		release()
		b.prints("Plan: 60 to create")
		b.ctrlC()
		if err := open.Rollback(); err != nil {
			t.Fatal(err)
		}
		if status := b.ends(); status != 1 || !strings.Contains(b.errs.String(), fmt.Sprintf("stopped after %d of 60 changes; they stay, and the next import makes the others", count(t, target))) {
			t.Errorf("exit status %d, %s", status, b.errs.String())
		}
		continues(t, env, target)
	})
	t.Run("by a kill", func(t *testing.T) {
		target := process.Serve(t, process.Options{})
		env := environment(t, source.Endpoint)
		b := inBackground(t, env, "import", "--from-aws", "--data-dir", target.DataDir)
		for begin := time.Now(); count(t, target) == 0; time.Sleep(time.Millisecond) {
			if time.Since(begin) > screenTime {
				t.Fatalf("it writes nothing: %s", b.errs.String())
			}
		}
		if err := b.cmd.Process.Kill(); err != nil {
			t.Log(err) // It had ended already.
		}
		b.ends()
		t.Logf("killed after %d of %d rooms", count(t, target), rooms)
		continues(t, env, target)
	})
}
