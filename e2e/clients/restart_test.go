package clients

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"

	"confab/e2e/process"
)

// crowd is a Node process with many official clients in one room.
type crowd struct {
	in    io.Writer
	lines chan line
	size  int
	// connected counts each client's connect events.
	connected []int
}

// line is one event of one client.
type line struct {
	Client int
	Event  string
	Text   string
}

func startCrowd(t *testing.T, s *process.Server, room string, size int) *crowd {
	t.Helper()
	need(t, "node")
	cmd := exec.CommandContext(t.Context(), "node", "node/crowd.mjs", room, fmt.Sprint(size))
	cmd.Env = environment(s.Endpoint, s.WebSocket)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &crowd{in: in, lines: make(chan line, 1<<16), size: size, connected: make([]int, size)}
	go func() {
		defer close(c.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			var l line
			if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
				l = line{Event: "refused", Text: scanner.Text()}
			}
			c.lines <- l
		}
	}()
	t.Cleanup(func() {
		fmt.Fprintln(in, "quit")
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return c
}

// until reads events until done; a disconnect or a refusal fails the test.
func (c *crowd) until(t *testing.T, what string, done func(l line) bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case l, open := <-c.lines:
			switch {
			case !open:
				t.Fatal("the clients ended")
			case l.Event == "disconnect" || l.Event == "refused":
				t.Fatalf("client %d: %s %s, while waiting for %s", l.Client, l.Event, l.Text, what)
			case l.Event == "connect":
				c.connected[l.Client]++
			}
			if done(l) {
				return
			}
		case <-deadline:
			t.Fatalf("not within a minute: %s; connects %v", what, c.connected)
		}
	}
}

// allConnected waits until every client has connected once more.
func (c *crowd) allConnected(t *testing.T, times int) {
	t.Helper()
	all := func(line) bool {
		for _, n := range c.connected {
			if n < times {
				return false
			}
		}
		return true
	}
	if !all(line{}) {
		c.until(t, fmt.Sprintf("connect number %d of every client", times), all)
	}
}

// chat has every client say the text and waits until every client heard every
// one of them.
func (c *crowd) chat(t *testing.T, text string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.in, "say "+text); err != nil {
		t.Fatal(err)
	}
	heard := map[string]int{}
	c.until(t, "all messages at all clients", func(l line) bool {
		if l.Event == "message" {
			heard[l.Text]++
		}
		if len(heard) < c.size {
			return false
		}
		for _, n := range heard {
			if n < c.size {
				return false
			}
		}
		return true
	})
}

func newRoom(t *testing.T, s *process.Server) string {
	t.Helper()
	room, err := sdk(s.Endpoint).CreateRoom(t.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: aws.Int32(100)})
	if err != nil {
		t.Fatal(err)
	}
	return *room.Arn
}

// TestRestart restarts the server behind a socket that somebody else holds, as
// systemd does: official clients come back each time and none gives up.
func TestRestart(t *testing.T) {
	t.Parallel()
	const clients = 20
	options := process.Options{DataDir: t.TempDir(), Listener: listen(t), Args: noConnectRates}
	s := start(t, options)
	c := startCrowd(t, s, newRoom(t, s), clients)
	c.allConnected(t, 1)
	c.chat(t, "before")
	for i, restart := range []struct {
		name string
		end  func(s *process.Server) error
	}{
		{"SIGTERM", (*process.Server).Stop},
		{"kill -9", (*process.Server).Kill},
		{"SIGTERM again", (*process.Server).Stop},
	} {
		if !t.Run(restart.name, func(t *testing.T) {
			if err := restart.end(s); err != nil {
				t.Fatal(err)
			}
		}) {
			return
		}
		s = start(t, options)
		c.allConnected(t, i+2)
		c.chat(t, restart.name)
	}
}
