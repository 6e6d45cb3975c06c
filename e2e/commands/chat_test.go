package commands

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"confab/internal/testbed/process"
)

// Keys as a terminal sends them.
const (
	enter   = "\r"
	escape  = "\x1b"
	up      = "\x1b[A"
	pageUp  = "\x1b[5~"
	del     = "\x1b[3~"
	ctrlB   = "\x02"
	ctrlC   = "\x03"
	ctrlG   = "\x07"
	ctrlK   = "\x0b"
	ctrlO   = "\x0f"
	ctrlT   = "\x14"
	ctrlZ   = "\x1a"
	pasting = "\x1b[200~"
	pasted  = "\x1b[201~"
)

// TestChat is what people see and do in confab chat on a terminal.
func TestChat(t *testing.T) {
	server := process.Serve(t, process.Options{})
	env := environment(t, server.Endpoint)
	dir := t.TempDir()
	run := func(t *testing.T, script string) string { t.Helper(); return shell(t, env, dir, script) }
	rooms := 0
	room := func(t *testing.T, flags string) string {
		t.Helper()
		rooms++
		name := fmt.Sprintf("room-%d", rooms)
		run(t, "confab room create "+name+" --max-rate 100 "+flags)
		return name
	}
	join := func(t *testing.T, columns, rows int, args ...string) *terminal {
		t.Helper()
		p := startTerminal(t, env, columns, rows, append([]string{"chat"}, args...)...)
		p.shows("connected")
		return p
	}

	t.Run("messages come and go", func(t *testing.T) {
		name := room(t, "")
		p := join(t, 80, 24, name, "--as", "ann", "--attribute", "displayName=Ann B.")
		p.shows("1 here")
		p.keys("Hello, world" + enter)
		p.shows("Ann B.: Hello, world")
		run(t, "confab send "+name+" 'hi Ann' --as bob; confab event "+name+" score home=1 away=0")
		p.shows("bob: hi Ann", "* score away=0 home=1")
		rows := p.rows()
		if !strings.HasPrefix(rows[0], " "+name+" · ann · 1 here") || rows[23] != ">" {
			t.Errorf("the first and the last row are %q and %q", rows[0], rows[23])
		}
		p.keys(ctrlC)
		if status, wrote := p.ends(); status != 0 || !strings.Contains(wrote, ansi.ResetModeAltScreenSaveCursor) || p.screen.IsAltScreen() {
			t.Errorf("exit status %d; the screen before is back: %t", status, !p.screen.IsAltScreen())
		}
	})

	t.Run("wide characters, long words and text from right to left fit", func(t *testing.T) {
		name := room(t, "")
		for _, size := range [][2]int{{80, 24}, {200, 50}} {
			p := join(t, size[0], size[1], name, "--as", "an")
			run(t, "confab send "+name+" \"$(printf '漢字かな%.0s' {1..40})\" --as wide; confab send "+name+" \"$(printf 'x%.0s' {1..300})\" --as long; confab send "+name+" 'שלום עולם' --as rtl")
			p.shows("rtl: שלום עולם")
			for y, row := range p.rows() {
				if ansi.StringWidth(row) > size[0] {
					t.Errorf("row %d is wider than %d: %q", y, size[0], row)
				}
			}
			if whole := strings.Join(p.rows(), ""); strings.Count(whole, "漢字かな")+strings.Count(whole, "字か") < 41 || strings.Count(whole, "x") < 300 {
				t.Errorf("a part is missing:\n%s", strings.Join(p.rows(), "\n"))
			}
			// The cursor stands behind what was typed, also behind wide characters, and what is
			// pasted is one line.
			p.keys(pasting + "漢字\nかな" + pasted)
			p.shows("> 漢字 かな")
			if at := p.screen.CursorPosition(); at.X != 11 || at.Y != size[1]-1 {
				t.Errorf("the cursor is at %d, %d", at.X, at.Y)
			}
			p.keys(ctrlC)
			p.ends()
		}
	})

	t.Run("small terminals that change their size while someone types", func(t *testing.T) {
		name := room(t, "")
		p := startTerminal(t, env, 20, 3, "chat", name, "--as", "an")
		p.shows("connected")
		run(t, "confab send "+name+" \"$(printf '漢字かな%.0s' {1..40})\" --as wide; confab send "+name+" 'שלום עולם' --as rtl")
		p.shows("עולם") // The bar, one row of messages, and the line.
		typed := ""
		for n, size := range [][2]int{{20, 3}, {20, 6}, {9, 2}, {5, 1}, {1, 1}, {20, 3}, {200, 50}, {20, 3}, {7, 4}, {20, 3}} {
			p.resize(size[0], size[1])
			digit := fmt.Sprint(n)
			if n%2 == 0 {
				p.keys("漢字e\u0301" + digit)
				typed += "漢字e\u0301" + digit
			} else {
				p.keys(pasting + "עב\n\tx" + digit + pasted)
				typed += "עב x" + digit
			}
			p.until("what was typed at the cursor", func(rows []string) bool {
				last := rows[len(rows)-1]
				at := p.screen.CursorPosition()
				return at.Y == size[1]-1 && at.X < size[0] && (size[0] < 3 || strings.HasSuffix(last, digit))
			})
			for y, row := range p.rows() {
				if ansi.StringWidth(row) > size[0] {
					t.Errorf("at %v row %d is too wide: %q", size, y, row)
				}
			}
		}
		p.resize(200, 24)
		p.keys(enter)
		p.shows("an: " + strings.Fields(typed)[0])
		p.keys(up)
		p.shows("Esc goes back")
		p.resize(20, 3)
		p.until("the selected message and the hint", func(rows []string) bool {
			return strings.HasPrefix(rows[0], ">") && strings.HasSuffix(rows[1], "…") && rows[2] == ">"
		})
		p.keys(ctrlC)
		if status, wrote := p.ends(); status != 0 || strings.Contains(wrote, "panic") {
			t.Errorf("exit status %d, %s", status, process.Tail(wrote))
		}
	})

	t.Run("a chat that was stopped comes back", func(t *testing.T) {
		name := room(t, "")
		p := startProgram(t, append(slices.Clone(env), "PS1=$ "), 80, 24, "bash", "--norc", "--noprofile")
		p.keys("confab chat " + name + " --as ann" + enter)
		p.shows("connected")
		p.keys("a draft")
		p.shows("> a draft")
		p.keys(ctrlZ)
		p.shows("Stopped")
		run(t, "confab send "+name+" meanwhile --as bob")
		p.keys("fg" + enter)
		p.shows("bob: meanwhile", "> a draft")
		p.keys(ctrlC)
		p.hides("a draft")
		p.keys("exit $?" + enter)
		if status, _ := p.ends(); status != 0 {
			t.Errorf("exit status %d", status)
		}
	})

	t.Run("a moderator acts on the selected message", func(t *testing.T) {
		name := room(t, "")
		p := join(t, 80, 24, name, "--as", "mo", "--can", "send,delete,disconnect")
		run(t, "confab send "+name+" first --as troll; confab send "+name+" second --as troll; confab send "+name+" third --as loud")
		p.shows("third")
		p.keys(up + up)
		p.shows("troll: second", "Del deletes · ^K disconnects · ^B bans · ^T mutes · ^G hides · Esc goes back")
		p.keys(del)
		p.shows("troll: (deleted)")
		p.keys(up + ctrlB)
		p.shows("Ban troll [TIME] [REASON]:")
		p.keys("10m ads" + enter)
		p.shows("ban: troll for 10m0s: ads")
		p.keys(up + ctrlT)
		p.shows("Mute loud [TIME] [REASON]:")
		p.keys(escape)
		p.hides("Mute loud")
		p.keys(ctrlT + enter)
		p.shows("mute: loud for good")
		p.keys(up + ctrlG + "1h" + enter)
		p.shows("hide: loud for 1h0m0s")
		if bans := run(t, "confab bans "+name+" -o text"); !strings.Contains(bans, "BAN\ttroll") || !strings.Contains(bans, "MUTE\tloud") || !strings.Contains(bans, "HIDE\tloud") {
			t.Errorf("the bans are %q", bans)
		}
		p.shows("PgUp scrolls · ^O sets modes · ^C leaves")
		p.keys(ctrlO + enter)
		p.shows("modes: slow-mode=off send=all links=all repeat=off")
		p.keys(ctrlO + "slow-mode=5s links=staff for=10m" + enter)
		p.shows("modes: slow-mode=5s send=all links=staff repeat=off")
		if modes := run(t, "confab room modes "+name+" -o text"); !strings.Contains(modes, "slow-mode\t5s\tMODERATOR\t20") {
			t.Errorf("the modes are %q", modes)
		}
		p.keys(ctrlO + "slow=5s" + enter)
		p.shows(`mode "slow": must be slow-mode, send, links or repeat`)
		// Disconnecting oneself ends the chat.
		p.keys("bye" + enter)
		p.shows("mo: bye")
		p.keys(up + ctrlK)
		p.shows("Disconnect mo [REASON]:")
		p.keys("enough" + enter)
		if status, wrote := p.ends(); status != 1 || !strings.Contains(wrote, "confab: disconnected from the room: enough") {
			t.Errorf("exit status %d, %q", status, process.Tail(wrote))
		}
	})

	t.Run("a viewer is offered nothing and sends nothing", func(t *testing.T) {
		name := room(t, "")
		policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["ivschat:*","confab:GetServer"],"Resource":"*"}}`
		viewer, err := server.CreateCredentials(t.Context(), "viewer", policy)
		if err != nil {
			t.Fatal(err)
		}
		theirs := append(slices.Clone(env), "AWS_ACCESS_KEY_ID="+viewer.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+viewer.SecretAccessKey)
		p := startTerminal(t, theirs, 80, 24, "chat", name, "--as", "vera", "--can", "")
		p.shows("connected")
		run(t, "confab send "+name+" hello --as ann")
		p.shows("ann: hello")
		p.until("keys without modes", func(rows []string) bool { return strings.HasSuffix(rows[22], "PgUp scrolls · ^C leaves") })
		p.keys(ctrlO + up)
		p.until("Esc alone", func(rows []string) bool { return rows[22] == "Esc goes back" })
		p.keys("why" + enter)
		p.shows("This chat token may not send", "> why")
	})

	t.Run("scrolling reads history, and a resize keeps the place", func(t *testing.T) {
		name := room(t, "--tag confab:history=1h")
		p := startTerminal(t, env, 80, 12, "chat", name, "--as", "ann")
		p.shows("connected")
		run(t, "seq -f line-%g 40 | confab chat "+name+" --as counter >/dev/null")
		p.shows("line-40")
		p.keys(ctrlC)
		p.ends()
		p = join(t, 80, 12, name, "--as", "ann")
		p.keys(pageUp)
		p.shows("line-40")
		for range 6 {
			p.keys(pageUp)
		}
		p.shows("counter: line-1")
		run(t, "confab send "+name+" news --as bob")
		p.shows("1 new below", "counter: line-1")
		p.resize(40, 20)
		p.shows("line-2")
		p.keys(escape)
		p.shows("bob: news")
	})

	t.Run("without colours where NO_COLOR is set", func(t *testing.T) {
		name := room(t, "")
		colours := regexp.MustCompile("\x1b\\[[0-9;:]*\\b(3[0-8]|4[0-8]|9[0-7])[0-9;:]*m")
		for _, test := range []struct {
			env  []string
			want bool
		}{{nil, true}, {[]string{"NO_COLOR=1"}, false}} {
			p := startTerminal(t, append(slices.Clone(env), test.env...), 80, 24, "chat", name, "--as", "ann", "--attribute", "color=#ff8800")
			p.shows("connected")
			p.keys("hello" + enter)
			p.shows("ann: hello")
			p.keys(ctrlC)
			if _, wrote := p.ends(); colours.MatchString(wrote) != test.want {
				t.Errorf("with %v there are colours: %t", test.env, !test.want)
			}
		}
	})
}

// TestChat_reconnects holds that a chat shows a lost connection, keeps what was typed, and
// comes back.
func TestChat_reconnects(t *testing.T) {
	server := process.Serve(t, process.Options{})
	env := environment(t, server.Endpoint)
	shell(t, env, t.TempDir(), "confab room create demo")
	p := startTerminal(t, env, 80, 24, "chat", "demo", "--as", "ann")
	p.shows("connected")
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	p.shows("connecting again")
	p.keys("a draft" + enter)
	p.shows("Not connected", "> a draft")
	next, err := process.Start(t.Context(), process.Options{DataDir: server.DataDir, Address: strings.TrimPrefix(server.Endpoint, "http://")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = next.Stop() })
	p.until("connection", func(rows []string) bool { return strings.HasSuffix(rows[0], " connected") })
	p.keys(enter)
	p.shows("ann: a draft")
}
