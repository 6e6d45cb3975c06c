package cluster_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// official is a Node process with many official clients in one room.
type official struct {
	in    io.Writer
	lines chan line
	size  int
	// online is which clients are connected; connects counts connect events.
	online   map[int]bool
	connects int
}

// line is one event of one client, as clients/node/crowd.mjs prints it.
type line struct {
	Client int
	Event  string
	Text   string
}

func startOfficial(t *testing.T, address, room string, size int) *official {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "crowd.mjs", room, fmt.Sprint(size))
	cmd.Dir, cmd.Env, cmd.Stderr = clientsDir, environment(address), os.Stderr
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
	o := &official{in: in, lines: make(chan line, 1<<16), size: size, online: map[int]bool{}}
	go func() {
		defer close(o.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			var l line
			if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
				l = line{Event: "refused", Text: scanner.Text()}
			}
			o.lines <- l
		}
	}()
	t.Cleanup(func() {
		fmt.Fprintln(in, "quit")
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	o.connectedAgain(t, size)
	return o
}

// until reads events until done; a disconnect or a refusal fails the test.
func (o *official) until(t *testing.T, what string, done func(l line) bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case l, open := <-o.lines:
			switch {
			case !open:
				t.Fatal("the clients ended")
			case l.Event == "disconnect" || l.Event == "refused":
				t.Fatalf("client %d: %s %s, while waiting for %s", l.Client, l.Event, l.Text, what)
			case l.Event == "connecting":
				o.online[l.Client] = false
			case l.Event == "connect":
				o.online[l.Client] = true
				o.connects++
			}
			if done(l) {
				return
			}
		case <-deadline:
			t.Fatalf("not within 30 s: %s; online %v", what, o.online)
		}
	}
}

// connectedAgain waits until at least n connects have come since the last call,
// and all clients are connected.
func (o *official) connectedAgain(t *testing.T, n int) {
	t.Helper()
	o.until(t, "all clients connected", func(line) bool {
		online := 0
		for _, is := range o.online {
			if is {
				online++
			}
		}
		return o.connects >= n && online == o.size
	})
	o.connects = 0
}

// chat has every client say the text and waits until every client heard every
// one of them.
func (o *official) chat(t *testing.T, text string) {
	t.Helper()
	if _, err := fmt.Fprintln(o.in, "say "+text); err != nil {
		t.Fatal(err)
	}
	heard := map[string]int{}
	o.until(t, "all messages at all clients", func(l line) bool {
		if l.Event == "message" {
			heard[l.Text]++
		}
		if len(heard) < o.size {
			return false
		}
		for _, n := range heard {
			if n < o.size {
				return false
			}
		}
		return true
	})
}
