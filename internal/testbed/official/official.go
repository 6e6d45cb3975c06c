// Package official runs the official IVS Chat clients, unmodified, for tests: many clients in
// one room, in one Node process, which does what a test writes to it, line by line. It needs
// node and the npm packages of e2e/clients/node, which "make setup" installs.
package official

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"confab/internal/testbed/process"
)

// patience is how long clients are waited for.
const patience = time.Minute

// Clients are official clients in one room.
type Clients struct {
	child *process.Child
	lines chan line
	size  int
	// connects counts each client's connects since the last Chat, online is which
	// are connected.
	connects []int
	online   []bool
	// left is when each client lost its connection; away is the longest time without
	// one since the last Chat.
	left []time.Time
	away time.Duration
}

// line is one event of one client, as crowd.mjs prints it.
type line struct {
	Client int
	Event  string
	Text   string

	at time.Time
}

// Start connects size clients to the room, in the environment env, and waits
// until all are connected. They leave at the end of the test.
func Start(t testing.TB, env []string, room string, size int) *Clients {
	t.Helper()
	Need(t, Dir)
	//nolint:gosec // Running the clients is what this package is for.
	cmd := exec.CommandContext(t.Context(), "node", "crowd.mjs", room, fmt.Sprint(size))
	cmd.Dir, cmd.Env = Dir, env
	c := &Clients{child: process.StartChild(t, cmd), lines: make(chan line, 1<<16), size: size, connects: make([]int, size), online: make([]bool, size), left: make([]time.Time, size)}
	go func() {
		defer close(c.lines)
		for scanner := bufio.NewScanner(c.child.Out); scanner.Scan(); {
			var l line
			if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
				l = line{Event: "broken", Text: scanner.Text()}
			}
			l.at = time.Now()
			c.lines <- l
		}
	}()
	c.AllConnectAgain(t)
	return c
}

// until reads events until done. What an application must never see of a server
// that restarts or moves its clients fails the test: a final disconnect, a
// message that is refused.
func (c *Clients) until(t testing.TB, what string, done func(l line) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case l, open := <-c.lines:
			switch {
			case !open:
				t.Fatal("the clients ended")
			case l.Event == "disconnect" || l.Event == "refused" && !l.isAway() || l.Event == "broken":
				t.Fatalf("client %d: %s %s, while waiting for %s", l.Client, l.Event, l.Text, what)
			case l.Event == "connecting":
				c.online[l.Client], c.left[l.Client] = false, l.at
			case l.Event == "connect":
				c.away = max(c.away, l.at.Sub(c.left[l.Client]))
				c.online[l.Client] = true
				c.connects[l.Client]++
			}
			if done(l) {
				return
			}
		case <-deadline:
			t.Fatalf("not within %s: %s; online %v, connects %v", patience, what, c.online, c.connects)
		}
	}
}

// AllConnectAgain waits until every client has connected since the last Chat.
func (c *Clients) AllConnectAgain(t testing.TB) {
	t.Helper()
	c.connectAgain(t, "every client connected again", func(connected int) bool { return connected == c.size })
}

// SomeConnectAgain waits until at least one client has connected since the last
// Chat, and all are connected.
func (c *Clients) SomeConnectAgain(t testing.TB) {
	t.Helper()
	c.connectAgain(t, "those that were moved connected again", func(connected int) bool { return connected > 0 })
}

func (c *Clients) connectAgain(t testing.TB, what string, enough func(connected int) bool) {
	t.Helper()
	done := func(line) bool {
		connected := 0
		for i, n := range c.connects {
			if !c.online[i] {
				return false
			}
			if n > 0 {
				connected++
			}
		}
		return enough(connected)
	}
	if !done(line{}) {
		c.until(t, what, done)
	}
}

// isAway reports whether the client says that it has no connection at the moment.
func (l line) isAway() bool { return l.Event == "refused" && strings.Contains(l.Text, "not connected") }

// chats is how often the clients may be interrupted while they speak.
const chats = 3

// Chat has every client say the text and waits until every client received every
// one of them. A client may be moved at that moment, without missing more than that: then
// all are connected again soon, and say it once more.
func (c *Clients) Chat(t testing.TB, text string) {
	t.Helper()
	for n := 1; c.interrupted(t, text); n++ {
		if n == chats {
			t.Fatalf("clients lost their connections while they spoke, %d times", n)
		}
		c.connectAgain(t, "every client is connected", func(int) bool { return true })
		text += " again"
	}
	// All events of before have been read: they come ahead of the messages.
	clear(c.connects)
	c.away = 0
}

// interrupted has every client say the text, and returns true when one has no connection
// for it, and false when every client has received every one of them.
func (c *Clients) interrupted(t testing.TB, text string) (moved bool) {
	t.Helper()
	c.say(t, text)
	received := map[string]int{}
	c.until(t, "all messages at all clients", func(l line) bool {
		if moved = l.isAway(); moved {
			return true
		}
		if l.Event == "message" && strings.HasSuffix(l.Text, " "+text) {
			received[l.Text]++
		}
		if len(received) < c.size {
			return false
		}
		for _, n := range received {
			if n < c.size {
				return false
			}
		}
		return true
	})
	return moved
}

// Away is the longest time that a client was without a connection since the last
// Chat.
func (c *Clients) Away() time.Duration { return c.away }

func (c *Clients) say(t testing.TB, text string) {
	t.Helper()
	c.child.Tell(t, "say "+text)
}

// Refusal is the ChatError with which an official client rejects a request.
type Refusal struct {
	ErrorCode    int    `json:"errorCode"`
	ErrorMessage string `json:"errorMessage"`
}

// Refused has every client say the text, which none may get through with, and
// returns what the first of them is told.
func (c *Clients) Refused(t testing.TB, text string) Refusal {
	t.Helper()
	c.say(t, text)
	select {
	case l := <-c.lines:
		var r Refusal
		if l.Event != "refused" || json.Unmarshal([]byte(l.Text), &r) != nil {
			t.Fatalf("client %d: %s %s, want a refusal", l.Client, l.Event, l.Text)
		}
		return r
	case <-time.After(patience):
		t.Fatalf("no answer within %s", patience)
	}
	panic("unreachable")
}
