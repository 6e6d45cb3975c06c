package commands

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"

	"confab/internal/testbed/process"
)

// record writes the casts of the documents: "make casts".
var record = flag.Bool("record", false, "write the casts in docs/images again")

// images is the folder of the casts.
const images = "../../docs/images"

// changing is what differs from run to run: the time of day, and how many people are there, which
// depends on when the program last asked.
var changing = regexp.MustCompile(`\d\d:\d\d|\d+ here`)

const castColumns, castRows = 90, 22

// cast is a recording of a terminal: what the program wrote, when, and the screen after it.
type cast struct {
	p       *terminal
	at      time.Duration // of the last event
	read    int           // how much of what the program wrote is in events
	events  []castEvent
	screens []castScreen
}

type castEvent struct {
	at   time.Duration
	data string
}

type castScreen struct {
	at   time.Duration
	text string // SVG
}

// pause adds what came since the last event, after a time. The time is part of the script, so
// that a busy machine makes the same cast.
func (c *cast) pause(d time.Duration) {
	c.at += d
	if c.read == len(c.p.wrote) {
		return
	}
	c.events = append(c.events, castEvent{c.at, string(c.p.wrote[c.read:])})
	c.read = len(c.p.wrote)
	c.screens = append(c.screens, castScreen{c.at, svgRows(c.p.screen)})
}

// types types as a person does, and waits for each character behind what stands before it.
func (c *cast) types(before, text string) {
	c.p.t.Helper()
	for i, r := range text {
		c.p.keys(string(r))
		c.p.shows(strings.TrimRight(before+text[:i]+string(r), " "))
		c.pause(60 * time.Millisecond)
	}
}

// shows waits for texts.
func (c *cast) shows(d time.Duration, texts ...string) {
	c.p.t.Helper()
	c.p.shows(texts...)
	c.pause(d)
}

// write writes an asciinema recording (version 2), and an SVG that plays it.
func (c *cast) write(title, name string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any{"version": 2, "width": castColumns, "height": castRows, "title": title}); err != nil {
		return err
	}
	for _, event := range c.events {
		if err := e.Encode([]any{event.at.Seconds(), "o", event.data}); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(images, name+".cast"), b.Bytes(), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(images, name+".svg"), []byte(svg(title, c.screens, c.at)), 0o600)
}

// replay returns the last screen of a cast in the documents that has a text.
func replay(t *testing.T, name, text string) (last string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(images, name+".cast"))
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{t: t, screen: vt.NewSafeEmulator(castColumns, castRows)}
	// The emulator waits until its answers to questions of the program are read.
	go io.Copy(io.Discard, p.screen) //nolint:errcheck // It ends with Close.
	defer p.screen.Close()
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if i == 0 {
			continue
		}
		var event []any
		if err := json.Unmarshal([]byte(line), &event); err != nil || len(event) != 3 {
			t.Fatalf("%s.cast: line %d: %v", name, i+1, err)
		}
		data, _ := event[2].(string)
		if _, err := p.screen.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
		if now := strings.Join(p.rows(), "\n"); strings.Contains(now, text) {
			last = now
		}
	}
	if _, err := os.Stat(filepath.Join(images, name+".svg")); err != nil {
		t.Error(err)
	}
	return last
}

// TestCasts plays what the casts in the documents show, and holds that they show what the
// program does today.
func TestCasts(t *testing.T) {
	server := process.Serve(t, process.Options{})
	env := append(environment(t, server.Endpoint), "PS1=$ ", "LANG=C.UTF-8")
	dir := t.TempDir()
	shell(t, env, dir, "confab room create demo --max-rate 100 --tag confab:history=1h")
	start := func(t *testing.T) *cast {
		t.Helper()
		p := startProgram(t, env, castColumns, castRows, "bash", "--norc", "--noprofile", "-i")
		p.shows("$")
		c := &cast{p: p}
		c.pause(500 * time.Millisecond)
		return c
	}

	t.Run("chat", func(t *testing.T) {
		c := start(t)
		c.types("$ ", "confab chat demo --as mo --can send,delete,disconnect")
		c.p.keys(enter)
		c.shows(700*time.Millisecond, "connected", "1 here")
		for _, m := range []string{"ann Ann #e06c75 'Hello from the first row!'", "bob Bob #61afef '漢字 and עברית fit, too'", "troll Troll #98c379 'Buy followers at example.com'"} {
			var user, name, color, text string
			parts := strings.SplitN(m, " ", 4)
			user, name, color, text = parts[0], parts[1], parts[2], parts[3]
			shell(t, env, dir, fmt.Sprintf("echo %s | confab chat demo --as %s --attribute displayName=%s --attribute color=%s >/dev/null", text, user, name, color))
			c.shows(900*time.Millisecond, name+": ")
		}
		c.types("> ", "Welcome, all of you")
		c.p.keys(enter)
		c.shows(900*time.Millisecond, "mo: Welcome")
		c.p.keys(up + up)
		c.shows(1200*time.Millisecond, "Del deletes · ^K disconnects · ^B bans · ^T mutes · ^G hides")
		c.p.keys(del)
		c.shows(900*time.Millisecond, "Troll: (deleted)")
		c.p.keys(ctrlB)
		c.shows(500*time.Millisecond, "Ban troll")
		c.types(": ", "10m spam")
		c.p.keys(enter)
		c.shows(2500*time.Millisecond, "ban: troll for 10m0s: spam")
		last := strings.Join(c.p.rows(), "\n")
		if *record {
			if err := c.write("confab chat", "chat"); err != nil {
				t.Fatal(err)
			}
		}
		if recorded := replay(t, "chat", "ban: troll for 10m0s: spam"); changing.ReplaceAllString(recorded, "") != changing.ReplaceAllString(last, "") {
			t.Errorf("the cast shows\n%s\nand the program\n%s\nrun \"make casts\"", recorded, last)
		}
		c.p.keys(ctrlC)
		c.p.hides("ban: troll")
		c.p.keys("exit" + enter)
		c.p.ends()
	})

	t.Run("load", func(t *testing.T) {
		c := start(t)
		c.types("$ ", "confab load demo --connections 50 --rate 20 --for 4s")
		c.p.keys(enter)
		previous := ""
		for done := false; !done; {
			c.p.until("progress", func(rows []string) bool {
				now := strings.Join(rows, "\n")
				done = strings.Contains(now, "Latency ") && strings.HasSuffix(strings.TrimRight(now, "\n"), "$")
				changed := now != previous && strings.Contains(now, "connected")
				previous = now
				return changed || done
			})
			c.pause(time.Second)
		}
		c.pause(3 * time.Second)
		if *record {
			if err := c.write("confab load", "load"); err != nil {
				t.Fatal(err)
			}
		}
		recorded := replay(t, "load", "Latency ")
		for _, label := range []string{"Connections  50 of 50", "Messages ", "Deliveries ", "lost 0, doubled 0, reordered 0", "Latency "} {
			if !strings.Contains(previous, label) || !strings.Contains(recorded, label) {
				t.Errorf("there is no %q in the cast\n%s\nor not of the program\n%s\nrun \"make casts\"", label, recorded, previous)
			}
		}
		if progress := replay(t, "load", "50 of 50 connected, "); progress == "" {
			t.Errorf("the cast shows no progress; run \"make casts\"")
		}
		c.p.keys("exit" + enter)
		c.p.ends()
	})
}
